/** Sends commands and reads changes through `/v1/sync`. Only the leading tab does. */

import { newCommandId } from '../model/ids.js';
import { outcome } from '../model/rebase.js';
import { ApiError, apiError } from './api.js';
import { blankBatch, hasAcked, hasOldCommands, hasSendable, sendable } from './batch.js';
import { isOpen, readRows, save } from './db.js';
import { exclusive, gone, held, newer, sameUser, store, unlisted } from './held.js';
import { rejection } from './outbox.js';
import { addRows, base, rows, setStatus } from './state.js';
import { authorized } from './tokens.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').Kind} Kind */
/** @typedef {import('./batch.js').Batch} Batch */

/** Sends everything, and reads everything that has changed. */
export async function syncNow() {
    const isSame = sameUser();
    await adoptStoredRows();
    assertSame(isSame);
    held.isSyncing = true;
    setStatus({ syncing: true });
    try {
        let readsOnly = hasOldCommands();
        for (let more = true; more;) {
            const batch = readsOnly ? blankBatch() : sendable();
            if (batch.sent.length > 0) {
                // Before the request, because the response may be lost.
                await save({ rows: batch.sent });
                assertSame(isSame);
                addRows(batch.sent);
            }
            const answer = await request(batch.commands, isSame);
            assertSame(isSame);
            if (answer) await exclusive(() => take(answer, batch));
            assertSame(isSame);
            const later = answer?.results.find((/** @type {any} */ result) => isLater(batch, result));
            if (later) throw new ApiError({ title: '', code: 'unavailable', ...later.problem, status: later.status });
            if (answer && !answer.has_more) readsOnly = false;
            more = held.meta.walking || !answer || hasSendable() || hasAcked();
        }
    } finally {
        if (isSame()) {
            held.isSyncing = false;
            setStatus({ syncing: false });
        }
    }
}

/** The changes of one user must not go into the account of another. @param {() => boolean} isSame */
function assertSame(isSame) {
    if (!isSame()) throw new ApiError({ status: 0, code: 'left', title: 'Another user is signed in.' });
}

/** Commands that a tab stored before it was closed. */
async function adoptStoredRows() {
    if (!isOpen()) return;
    const isSame = sameUser();
    const stored = await readRows();
    if (isSame()) addRows(stored.filter((row) => !rows.has(row.seq)));
}

/** @param {any[]} commands @param {() => boolean} isSame @returns {Promise<any>} `null`: the token was refused, and everything is read again */
async function request(commands, isSame) {
    try {
        return await authorized('POST', 'v1/sync', { token: held.meta.token, commands });
    } catch (error) {
        const { status, errors } = apiError(error);
        const isTokenWrong = status === 410 || (status === 422 && errors.some(({ pointer }) => pointer === '/token'));
        if (!isTokenWrong || !isSame() || held.meta.token === null) throw error;
        if (!isSame()) return null;
        // A restored database: its copies replace the ones of this browser, and commands stay.
        held.meta = { ...held.meta, token: null, walking: false, full: null };
        await save({ meta: held.meta });
        return null;
    }
}

/** @param {Batch} batch @param {any} result */
function isLater(batch, result) {
    const row = batch.rows.get(result.id);
    return row && outcome(row, result.status, result.problem?.code) === 'later';
}

/** @param {any} answer @param {Batch} batch */
async function take(answer, batch) {
    const isFirst = !held.meta.walking;
    if (isFirst) held.meta = { ...held.meta, walk: held.meta.walk + 1 };
    // A full read replaces everything, so what it does not list is removed at its end.
    if (answer.full && held.meta.full === null) {
        held.meta = { ...held.meta, generation: held.meta.generation + 1, full: held.meta.generation + 1 };
        gone.clear();
    }
    const fresh = newer({ todo: answer.todos, list: answer.lists });
    const removed = [...answer.removed];
    for (const { id } of removed) gone.add(id);
    const results = settle(answer.results, batch, isFirst);
    held.meta = { ...held.meta, token: answer.token, walking: answer.has_more, revision: held.meta.revision + 1 };
    if (!answer.has_more) {
        if (held.meta.full !== null) removed.push(...unlisted());
        held.meta = { ...held.meta, full: null, complete: true };
        for (const row of rows.values()) {
            if (row.acked && (row.walk ?? 0) <= held.meta.walk) results.ended.push(row.seq);
        }
        // Those that this request has settled too.
        for (const row of results.acked) if ((row.walk ?? 0) <= held.meta.walk) results.ended.push(row.seq);
    }
    await store({ ...fresh, removed, ...results });
}

/** @param {any[]} results @param {Batch} batch @param {boolean} isFirst */
function settle(results, batch, isFirst) {
    const settled = {
        acked: /** @type {Row[]} */ ([]), ended: batch.ended.map((row) => row.seq), rejected: batch.rejected,
        changed: batch.changed,
    };
    for (const { id, status, version, problem } of results) {
        const row = batch.rows.get(id);
        if (!row) continue;
        const result = outcome(row, status, problem?.code);
        if (result === 'acked') {
            settled.acked.push({ ...row, acked: true, version, walk: isFirst ? held.meta.walk : held.meta.walk + 1 });
        } else if (result === 'rebase') {
            settled.changed.push({ ...row, id: newCommandId(), tries: (row.tries ?? 0) + 1, sent: undefined });
        } else if (result === 'without_place') {
            const { before, after, ...body } = row.body ?? {};
            settled.changed.push({ ...row, id: newCommandId(), body, sent: undefined });
        } else if (result !== 'later') {
            settled.ended.push(row.seq);
            if (result === 'rejected') settled.rejected.push(rejection(row, row.body ?? null, problem));
        }
    }
    return settled;
}

/**
 * A change that the event stream reports.
 * @param {any} body @param {string} token
 */
export async function takeEvent(body, token) {
    await exclusive(async () => {
        for (const { id } of body.removed) gone.add(id);
        const fresh = newer({ todo: body.todos, list: body.lists });
        const removed = body.removed.filter((/** @type {any} */ object) => base[/** @type {Kind} */ (object.type)]?.has(object.id));
        // The token of a read that is under way must not be lost.
        if (!held.isSyncing && !held.meta.walking) held.meta = { ...held.meta, token };
        if (fresh.todo.length + fresh.list.length + removed.length === 0) return;
        held.meta = { ...held.meta, revision: held.meta.revision + 1 };
        await store({ ...fresh, removed, acked: [], ended: [], rejected: [], changed: [] });
    });
}
