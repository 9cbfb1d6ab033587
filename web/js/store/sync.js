/** Sends commands and reads changes through `/v1/sync`. Only the leading tab does. */

import { newCommandId } from '../model/ids.js';
import { outcome, plan } from '../model/rebase.js';
import { ApiError, apiError } from './api.js';
import { tell } from './channel.js';
import { BLANK, isOpen, load, readRows, save } from './db.js';
import { rejection } from './outbox.js';
import { addRows, applyChange, base, rejected, rows, setStatus } from './state.js';
import { authorized } from './tokens.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').Kind} Kind */
/** @typedef {import('./db.js').Meta} Meta */

const COMMANDS_MAX = 100;
// A request may have 1 MiB.
const COMMAND_BYTES_MAX = 500_000;
// The service remembers the results of commands for at least 24 hours.
const RESULTS_KEPT_MS = 12 * 60 * 60 * 1000;

/** @type {Meta} */
let meta = { ...BLANK };
/** @type {Map<string, number>} the generation of each object, by kind and id */
const generations = new Map();
/** @type {Set<string>} ids are not used again */
const gone = new Set();
let isBusy = false;
// `meta` of a tab that does not lead is as it was read; this is the last change that the tab shows.
let shownRevision = 0;

export const metaNow = () => meta;

/**
 * Reads everything from the database of the browser. Never at the same time as a change is applied, because what this read
 * does not contain is removed from memory.
 */
export const restore = () => exclusive(restoreNow);

async function restoreNow() {
    const stored = await load();
    meta = stored?.meta ?? { ...BLANK };
    shownRevision = meta.revision;
    generations.clear();
    gone.clear();
    const objects = (/** @type {any[]} */ entries, /** @type {Kind} */ kind) => entries.map(({ id, g, object }) => {
        generations.set(kind + id, g);
        return object;
    });
    const known = stored && { todo: objects(stored.todo, 'todo'), list: objects(stored.list, 'list') };
    if (stored && known) {
        const fresh = { todo: new Set(known.todo.map(({ id }) => id)), list: new Set(known.list.map(({ id }) => id)) };
        const removed = /** @type {Kind[]} */ (['todo', 'list']).flatMap((type) => (
            [...base[type].keys()].filter((id) => !fresh[type].has(id)).map((id) => ({ type, id }))));
        const seqs = new Set(stored.rows.map((/** @type {Row} */ row) => row.seq));
        applyChange({ ...known, removed, rows: [...rows.keys()].filter((seq) => !seqs.has(seq)) });
        addRows(stored.rows);
        rejected.value = stored.rejected;
    }
    setStatus({ ready: true, complete: meta.complete });
}

/** Begins with nothing, as for a user whose data the browser does not hold. */
export function reset() {
    meta = { ...BLANK };
    shownRevision = 0;
    generations.clear();
    gone.clear();
}

/** Sends everything, and reads everything that has changed. */
export async function syncNow() {
    await adoptStoredRows();
    isBusy = true;
    setStatus({ syncing: true });
    try {
        let readsOnly = hasOldCommands();
        for (let more = true; more;) {
            const batch = readsOnly ? blankBatch() : sendable();
            if (batch.sent.length > 0) {
                // Before the request, because the response may be lost.
                await save({ rows: batch.sent });
                addRows(batch.sent);
            }
            const answer = await request(batch.commands);
            if (answer) await exclusive(() => take(answer, batch));
            const later = answer?.results.find((/** @type {any} */ result) => isLater(batch, result));
            if (later) throw new ApiError({ title: '', code: 'unavailable', ...later.problem, status: later.status });
            if (answer && !answer.has_more) readsOnly = false;
            more = meta.walking || !answer || hasSendable() || hasAcked();
        }
    } finally {
        isBusy = false;
        setStatus({ syncing: false });
    }
}

/** @type {Promise<unknown>} */
let queue = Promise.resolve();

/** Changes are stored and shown one after the other. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
function exclusive(work) {
    const result = queue.then(work);
    queue = result.catch(() => {});
    return result;
}

/** Whether the service may have forgotten the result of a command that it was sent. */
function hasOldCommands() {
    return [...rows.values()].some((row) => !row.acked && row.sent && Date.now() - row.sent > RESULTS_KEPT_MS);
}

/** Whether there are commands to send, or changes that turned out to need none. */
function hasSendable() {
    const { commands, ended, rejected: refused } = sendable(true);
    return commands.length + ended.length + refused.length > 0;
}

function hasAcked() {
    return [...rows.values()].some((row) => row.acked);
}

/** Commands that a tab stored before it was closed. */
async function adoptStoredRows() {
    if (!isOpen()) return;
    addRows((await readRows()).filter((row) => !rows.has(row.seq)));
}

/** @typedef {{ commands: any[], rows: Map<string, Row>, ended: Row[],
 *     rejected: import('./types.js').Rejected[], changed: Row[], sent: Row[] }} Batch */

/** @returns {Batch} */
const blankBatch = () => ({ commands: [], rows: new Map(), ended: [], rejected: [], changed: [], sent: [] });

/** The next commands, in order. @param {boolean} [isProbe] @returns {Batch} */
function sendable(isProbe = false) {
    const batch = blankBatch();
    const [now, touched, created] = [Date.now(), new Set(), new Set()];
    const waiting = [...rows.values()].sort((a, b) => a.seq - b.seq);
    let bytes = 0;
    for (const row of waiting) {
        if (row.acked) continue;
        // The copy that came first has not arrived yet.
        if (row.tries && meta.walking) break;
        const isNew = created.has(row.target);
        const planned = plan(row, isNew ? undefined : seen(row.type, row.target, batch), isNew || !meta.complete);
        if (planned.kind === 'done') {
            batch.ended.push(row);
            continue;
        }
        if (planned.kind === 'rejected') {
            refuse(batch, row, planned);
            continue;
        }
        // The version after an earlier command of the same batch is not known.
        if (planned.guarded && touched.has(row.target)) break;
        bytes += JSON.stringify(planned.command).length;
        if (batch.commands.length === COMMANDS_MAX || (bytes > COMMAND_BYTES_MAX && batch.commands.length > 0)) break;
        touched.add(row.target);
        if (row.op === 'put') created.add(row.target);
        batch.commands.push(planned.command);
        batch.rows.set(row.id, row);
        if (isProbe) break;
        if (!row.sent) batch.sent.push({ ...row, sent: now });
    }
    return batch;
}

/** @param {Batch} batch @param {Row} row @param {{ fields: Record<string, any> | null, code: string, rest: Record<string, any> | null }} planned */
function refuse(batch, row, { fields, code, rest }) {
    batch.rejected.push(rejection(row, fields, { status: 412, code, title: '' }));
    if (!rest) {
        batch.ended.push(row);
        return;
    }
    const effects = row.effects.map((effect) => (effect.id === row.target ? { ...effect, patch: rest } : effect));
    batch.changed.push({ ...row, body: rest, effects });
}

/**
 * The server's copy, with the effects of commands that the server has, or gets before, and that the copy does not contain
 * yet. Otherwise a change that takes back an earlier one of the same batch would seem to change nothing. The version goes on
 * only without a gap: in a gap is a change of somebody else, which this browser has not seen.
 * @param {Kind} type @param {string} id @param {Batch} batch
 */
function seen(type, id, batch) {
    let object = base[type].get(id);
    for (const row of rows.values()) {
        if (!row.acked && !batch.rows.has(row.id)) continue;
        const isTarget = row.type === type && row.target === id;
        if (isTarget && object && row.version && row.version <= object.version) continue;
        for (const effect of row.effects) {
            if (effect.type !== type || effect.id !== id) continue;
            object = effect.patch === null ? undefined : { ...object, ...effect.patch, version: object?.version ?? 0 };
        }
        if (isTarget && object && row.version === object.version + 1) object = { ...object, version: row.version };
    }
    return object;
}

/** @param {any[]} commands @returns {Promise<any>} `null`: the token was refused, and everything is read again */
async function request(commands) {
    try {
        return await authorized('POST', 'v1/sync', { token: meta.token, commands });
    } catch (error) {
        const { status, errors } = apiError(error);
        const isTokenWrong = status === 410 || (status === 422 && errors.some(({ pointer }) => pointer === '/token'));
        if (!isTokenWrong || meta.token === null) throw error;
        // A restored or another database: its copies replace the ones of this browser, and commands stay.
        meta = { ...meta, token: null, walking: false, full: null };
        await save({ meta });
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
    const isFirst = !meta.walking;
    if (isFirst) meta = { ...meta, walk: meta.walk + 1 };
    // A full read replaces everything, so what it does not list is removed at its end.
    if (answer.full && meta.full === null) {
        meta = { ...meta, generation: meta.generation + 1, full: meta.generation + 1 };
        gone.clear();
    }
    const fresh = newer({ todo: answer.todos, list: answer.lists });
    const removed = [...answer.removed];
    for (const { id } of removed) gone.add(id);
    const results = settle(answer.results, batch, isFirst);
    meta = { ...meta, token: answer.token, walking: answer.has_more, revision: meta.revision + 1 };
    if (!answer.has_more) {
        if (meta.full !== null) removed.push(...unlisted());
        meta = { ...meta, full: null, complete: true };
        for (const row of rows.values()) {
            if (row.acked && (row.walk ?? 0) <= meta.walk) results.ended.push(row.seq);
        }
        // Those that this request has settled too.
        for (const row of results.acked) if ((row.walk ?? 0) <= meta.walk) results.ended.push(row.seq);
    }
    await store({ ...fresh, removed, ...results });
}

/** Copies that are newer than those of the browser. @param {{ todo: any[], list: any[] }} objects */
function newer(objects) {
    const pick = (/** @type {Kind} */ kind) => objects[kind].filter((object) => {
        if (gone.has(object.id)) return false;
        const known = base[kind].get(object.id);
        generations.set(kind + object.id, meta.generation);
        // A full read says what exists, even if an older database has taken the place of another. Otherwise the same copy
        // comes again for a minute after each change.
        return meta.full !== null || !known || known.version < object.version;
    });
    return { todo: pick('todo'), list: pick('list') };
}

/** What a full read did not list. @returns {{ type: Kind, id: string }[]} */
function unlisted() {
    return /** @type {Kind[]} */ (['todo', 'list']).flatMap((type) => (
        [...base[type].keys()].filter((id) => generations.get(type + id) !== meta.generation).map((id) => ({ type, id }))));
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
            settled.acked.push({ ...row, acked: true, version, walk: isFirst ? meta.walk : meta.walk + 1 });
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
 * Stores a change, shows it, and tells the other tabs.
 * @param {{ todo: any[], list: any[], removed: { type: Kind, id: string }[], acked: Row[], ended: number[],
 *     rejected: import('./types.js').Rejected[], changed: Row[] }} change
 */
async function store({ todo, list, removed, acked, ended, rejected: refused, changed }) {
    const entries = (/** @type {any[]} */ objects) => objects.map((object) => ({ id: object.id, g: meta.generation, object }));
    for (const { type, id } of removed) generations.delete(type + id);
    const left = acked.filter((row) => !ended.includes(row.seq));
    await save({
        todo: entries(todo), list: entries(list), removed, rows: [...left, ...changed], ended, rejected: refused, meta,
        guarded: !navigator.locks,
    });
    if (refused.length > 0) rejected.value = [...rejected.value, ...refused];
    const shown = { todo, list, removed, rows: ended, acked: left, changed, revision: meta.revision, complete: meta.complete };
    show(shown);
    tell('change', { change: shown });
    if (refused.length > 0) tell('rejected');
}

/** A change that the leading tab has stored. @param {any} change */
export async function follow(change) {
    await exclusive(async () => {
        // The database contained it already when it was read.
        if (change.revision <= shownRevision) return;
        // The tab that led before may have been closed between storing a change and telling the others.
        if (change.revision > shownRevision + 1 && isOpen()) return await restoreNow();
        shownRevision = change.revision;
        show(change);
    });
}

/** @param {any} change */
function show(change) {
    applyChange(change);
    addRows(change.changed);
    setStatus({ complete: change.complete });
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
        if (!isBusy && !meta.walking) meta = { ...meta, token };
        if (fresh.todo.length + fresh.list.length + removed.length === 0) return;
        meta = { ...meta, revision: meta.revision + 1 };
        await store({ ...fresh, removed, acked: [], ended: [], rejected: [], changed: [] });
    });
}
