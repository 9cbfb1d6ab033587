/** Commands that wait for the server. They are stored before they are sent, so that closing the browser loses none. */

import { newCommandId } from '../model/ids.js';
import { listen, tell } from './channel.js';
import { isOpen, keepStorage, readRejected, save } from './db.js';
import { addRows, base, rejected, rows as current, status } from './state.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').Rejected} Rejected */
/** @typedef {Omit<Row, 'seq' | 'id' | 'at'>} Command */

let newest = 0;
let isKept = false;
/** @type {() => void} */
let wake = () => {};
/** @type {Promise<void>} */
let writing = Promise.resolve();

/** @param {() => void} listener runs when there is something to send */
export function onCommands(listener) {
    wake = listener;
}

/** Resolves when everything that was given so far is stored. */
export const stored = () => writing;

/** Shows commands at once, and stores them for sending. @param {Command[]} commands */
export function enqueue(commands) {
    if (commands.length === 0) return;
    const at = new Date().toISOString();
    const rows = commands.map((command) => ({ ...command, seq: nextSeq(), id: newCommandId(), at }));
    addRows(rows);
    if (!isKept) void keepStorage();
    isKept = true;
    // The write begins now, so that closing the page at this moment does not lose it. The other tabs hear of it in order.
    const saved = save({ rows });
    writing = writing.then(() => saved).then(() => {
        tell('rows', { rows });
        wake();
    });
}

// Ordered by time across the tabs of a browser.
function nextSeq() {
    for (const seq of current.keys()) newest = Math.max(newest, seq);
    newest = Math.max(newest + 1, Date.now() * 1000);
    return newest;
}

/** Another tab of this user gave commands. */
export function startOutbox() {
    listen('rows', ({ rows }) => {
        addRows(rows.filter((/** @type {Row} */ row) => !current.has(row.seq)));
        wake();
    });
    addEventListener('beforeunload', (event) => {
        // The browser asks its user. With a database, closing the page loses nothing.
        if (!isOpen() && status.peek().unsent > 0) event.preventDefault();
    });
    listen('rejected', async () => { rejected.value = await readRejected(); });
}

/**
 * An entry of the list of changes that were not saved.
 * @param {Row} row @param {Record<string, any> | null} mine @param {import('./types.js').Problem} problem @returns {Rejected}
 */
export function rejection(row, mine, problem) {
    const copy = base[row.type].get(row.target);
    const names = Object.keys(mine ?? {});
    const created = row.effects.find((effect) => effect.id === row.target)?.patch;
    return {
        id: row.id, op: row.op, type: row.type, target: row.target, name: copy?.name ?? created?.name ?? '', mine,
        theirs: copy && mine ? Object.fromEntries(names.map((name) => [name, copy[name]])) : copy ? {} : null,
        problem, at: row.at,
    };
}

/** @param {string} id of an entry */
export function dismiss(id) {
    rejected.value = rejected.value.filter((entry) => entry.id !== id);
    void save({ dismissed: [id] }).then(() => tell('rejected'));
}

/** Gives a rejected change again, over what the server has now. @param {string} id of an entry */
export function retry(id) {
    const entry = rejected.value.find((entry) => entry.id === id);
    if (!entry) return;
    const { op, type, target, mine } = entry;
    const copy = base[type].get(target);
    if (op === 'patch' && mine && copy) {
        const before = Object.fromEntries(Object.keys(mine).map((name) => [name, copy[name]]));
        enqueue([{ op, type, target, body: mine, before, effects: [{ type, id: target, patch: mine }] }]);
    } else if (op === 'put' && mine) {
        const { list_id, parent_id, ...body } = mine;
        const places = (entry.problem.errors ?? []).map((error) => error.pointer ?? '');
        const isPlaceWrong = places.some((pointer) => pointer === '/list_id' || pointer === '/parent_id');
        const put = isPlaceWrong ? body : mine;
        enqueue([{ op, type, target, body: put, effects: [{ type, id: target, patch: { ...blank(entry), ...put } }] }]);
    } else if (op !== 'patch') {
        enqueue([{ op, type, target, ...(mine && { body: mine }), effects: [] }]);
    } else return;
    dismiss(id);
}

/** @param {Rejected} entry */
function blank(entry) {
    return {
        id: entry.target, list_id: null, parent_id: null, name: '', description: '', completed: false, completed_at: null,
        due: null, recurrence: null, priority: 'none', tags: [], position: 'a', occurrence_of: null, color: null,
        created_at: entry.at, updated_at: entry.at, deleted_at: null,
    };
}

/** What the user typed, for the clipboard. @param {string} id of an entry */
export function copyText(id) {
    const entry = rejected.value.find((entry) => entry.id === id);
    const texts = Object.values(entry?.mine ?? {}).filter((value) => typeof value === 'string');
    return texts.length > 0 ? texts.join('\n\n') : entry?.name ?? '';
}
