/** What this browser holds of the server: reads it from its database, stores what changes, shows it, and tells the other tabs. */

import { tell } from './channel.js';
import { BLANK, isOpen, load, readMeta, save } from './db.js';
import { addRows, applyChange, base, rejected, rows, setStatus, status } from './state.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').Kind} Kind */
/** @typedef {import('./db.js').Meta} Meta */
/**
 * @typedef {{ todo: any[], list: any[], removed: { type: Kind, id: string }[], acked: Row[], ended: number[],
 *     rejected: import('./types.js').Rejected[], changed: Row[] }} Change
 */

const KINDS = /** @type {Kind[]} */ (['todo', 'list']);

/** @type {{ meta: Meta, isSyncing: boolean }} */
export const held = { meta: { ...BLANK }, isSyncing: false };
/** @type {Map<string, number>} the generation of each object, by kind and id */
const generations = new Map();
/** @type {Set<string>} ids are not used again */
export const gone = new Set();
// `meta` of a tab that does not lead is as it was read; this is the last change that the tab shows.
let shownRevision = 0;
// Raised when the data of another user take the place of these.
let turn = 0;
/** @type {Promise<unknown>} */
let queue = Promise.resolve();

export const metaNow = () => held.meta;

/** Begins with nothing, as for a user whose data the browser does not hold. Work for the user before has no effect any more. */
export function reset() {
    turn += 1;
    held.isSyncing = false;
    blank();
}

function blank() {
    held.meta = { ...BLANK };
    shownRevision = 0;
    generations.clear();
    gone.clear();
}

/** Whether the same user is still signed in, asked later. @returns {() => boolean} */
export function sameUser() {
    const began = turn;
    return () => began === turn;
}

/**
 * Changes are stored and shown one after the other, and only for the user for whom they were begun.
 * @template T @param {() => Promise<T>} work @returns {Promise<T | undefined>}
 */
export function exclusive(work) {
    const isSame = sameUser();
    const result = queue.then(() => (isSame() ? work() : undefined));
    queue = result.catch(() => {});
    return result;
}

/**
 * Reads everything from the database of the browser. Never at the same time as a change is applied, because what this read
 * does not contain is removed from memory.
 */
export const restore = () => exclusive(restoreNow);

async function restoreNow() {
    const isSame = sameUser();
    const stored = await load();
    if (!isSame()) return;
    if (stored) {
        blank();
        held.meta = stored.meta;
        shownRevision = stored.meta.revision;
        take(stored);
    }
    setStatus({ ready: held.meta.revision > 0 || status.peek().ready, complete: held.meta.complete });
}

/** @param {NonNullable<Awaited<ReturnType<typeof load>>>} stored */
function take(stored) {
    const objects = (/** @type {Kind} */ kind) => stored[kind].map((/** @type {any} */ { id, g, object }) => {
        generations.set(kind + id, g);
        return object;
    });
    const known = { todo: objects('todo'), list: objects('list') };
    const isKnown = (/** @type {Kind} */ type, /** @type {string} */ id) => generations.has(type + id);
    const seqs = new Set(stored.rows.map((/** @type {Row} */ row) => row.seq));
    applyChange({ ...known, removed: heldExcept(isKnown), rows: [...rows.keys()].filter((seq) => !seqs.has(seq)) });
    addRows(stored.rows);
    rejected.value = stored.rejected;
}

/** @param {(type: Kind, id: string) => boolean} isKnown @returns {{ type: Kind, id: string }[]} */
function heldExcept(isKnown) {
    return KINDS.flatMap((type) => [...base[type].keys()].filter((id) => !isKnown(type, id)).map((id) => ({ type, id })));
}

/** Copies that are newer than those of the browser. @param {{ todo: any[], list: any[] }} objects */
export function newer(objects) {
    const pick = (/** @type {Kind} */ kind) => objects[kind].filter((object) => {
        if (gone.has(object.id)) return false;
        const known = base[kind].get(object.id);
        generations.set(kind + object.id, held.meta.generation);
        // A full read says what exists, even if an older database has taken the place of another. Otherwise the same copy
        // comes again for a minute after each change.
        return held.meta.full !== null || !known || known.version < object.version;
    });
    return { todo: pick('todo'), list: pick('list') };
}

/** What a full read did not list. */
export const unlisted = () => heldExcept((type, id) => generations.get(type + id) === held.meta.generation);

/** As the database holds copies. @param {any[]} objects @param {Kind} kind */
const entriesOf = (objects, kind) => objects.map((object) => (
    { id: object.id, g: generations.get(kind + object.id) ?? held.meta.generation, object }));

/** Stores and shows a change, then tells the other tabs. @param {Change} change */
export async function store({ todo, list, removed, acked, ended, rejected: refused, changed }) {
    const isSame = sameUser();
    for (const { type, id } of removed) generations.delete(type + id);
    const left = acked.filter((row) => !ended.includes(row.seq));
    const saved = save({
        todo: entriesOf(todo, 'todo'), list: entriesOf(list, 'list'), removed, rows: [...left, ...changed], ended,
        rejected: refused, meta: held.meta, guarded: !navigator.locks,
    });
    if (refused.length > 0) rejected.value = [...rejected.value, ...refused];
    const { revision, complete } = held.meta;
    const shown = { todo, list, removed, rows: ended, acked: left, changed, revision, complete };
    show(shown);
    await saved;
    if (!isSame()) return;
    tell('change', { change: shown });
    if (refused.length > 0) tell('rejected');
}

/** @param {any} change */
function show(change) {
    applyChange(change);
    addRows(change.changed);
    setStatus({ ready: true, complete: change.complete });
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

/** Stores again what is in memory, after the database was deleted. */
export async function storeAgain() {
    await exclusive(async () => {
        // Another tab may have stored more already.
        const isFirst = (await readMeta()).revision <= held.meta.revision;
        await save({
            rows: [...rows.values()], rejected: rejected.value,
            ...(isFirst && { todo: entriesOf([...base.todo.values()], 'todo'), list: entriesOf([...base.list.values()], 'list'), meta: held.meta }),
        });
    });
}

/** What the database holds may be further than what this tab was told. @param {number} revision of the database */
export async function catchUp(revision) {
    await exclusive(async () => {
        if (revision > shownRevision && isOpen()) await restoreNow();
    });
}
