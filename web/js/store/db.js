/**
 * The database of the browser: one for each user, so that nobody sees the todos of another user of the same browser, and one
 * that says who is signed in. Without a database (a private window, a full disk) everything is only in memory.
 */

import { deleteDB, openDB, unwrap } from '../../vendor/idb.js';
import { named } from './channel.js';
import { setStatus } from './state.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').Rejected} Rejected */

const ANSWER_MS = 10_000;
const STORES = ['todo', 'list', 'outbox', 'rejected', 'meta'];

/**
 * @typedef {object} Meta
 * @property {string | null} token of sync
 * @property {boolean} walking whether pages of a read are missing
 * @property {number} walk the number of the read
 * @property {number | null} full the generation of the full read that is under way
 * @property {number} generation of objects that the last full read listed
 * @property {number} revision of this database
 * @property {boolean} complete
 */
/** @type {Meta} */
export const BLANK = { token: null, walking: false, walk: 0, full: null, generation: 0, revision: 0, complete: false };

/** @type {any} */
let db = null;
/** @type {Promise<any> | null} */
let common = null;
// After a failed write, only what the user gives is stored: the copies of the server can be read again.
let isFull = false;
/** @type {() => void} */
let gone = () => {};

/** @param {() => void} listener runs when somebody else has closed the database of the user, or writing is impossible */
export function onGone(listener) {
    gone = listener;
}

const nameOf = (/** @type {string} */ userId) => `todo-user-${userId}`;

/**
 * Gives up after a while: after the data of a site were removed, browsers have never answered, neither when a database was
 * opened nor in one that was open. That one is opened again, in case the computer only slept.
 * @template T @param {Promise<T>} work @param {any} [used] the database of the user @returns {Promise<T>}
 */
async function answered(work, used) {
    /** @type {number | undefined} */
    let timer;
    const silence = new Promise((_, reject) => {
        timer = window.setTimeout(() => {
            if (used) taken(used);
            reject(new Error('no answer'));
        }, ANSWER_MS);
    });
    try {
        return await Promise.race([work, /** @type {Promise<never>} */ (silence)]);
    } finally {
        clearTimeout(timer);
    }
}

/** @param {string} name @param {any} callbacks */
async function opening(name, callbacks) {
    const request = openDB(name, 1, callbacks);
    try {
        return await answered(request);
    } catch (error) {
        request.then((/** @type {any} */ opened) => opened.close(), () => {});
        throw error;
    }
}

/** A transaction that a database takes along when it is removed: nobody waits for the end of one that reads. @param {any} database @param {string | string[]} stores @param {'readonly' | 'readwrite'} [mode] */
function begin(database, stores, mode) {
    const tx = database.transaction(stores, mode);
    tx.done.catch(() => {});
    return tx;
}

function openCommon() {
    common ??= opening(named('todo-client'), {
        upgrade: (/** @type {any} */ opened) => opened.createObjectStore('meta'),
        blocking: (/** @type {any} */ _, __, /** @type {any} */ event) => {
            event.target.close();
            common = null;
        },
        terminated: () => { common = null; },
    });
    return common;
}

/** @param {string[]} keys @returns {Promise<any[]>} a value for each key, `undefined` for what is not known */
export async function readCommon(...keys) {
    try {
        const store = begin(await openCommon(), 'meta').objectStore('meta');
        return await answered(Promise.all(keys.map((key) => store.get(key))));
    } catch {
        common = null;
        return [];
    }
}

/** @param {Record<string, unknown>} values by key; `undefined` deletes */
export async function writeCommon(values) {
    try {
        const tx = begin(await openCommon(), 'meta', 'readwrite');
        const store = tx.objectStore('meta');
        const work = Object.entries(values).map(([key, value]) => (value === undefined ? store.delete(key) : store.put(value, key)));
        await answered(Promise.all([...work, tx.done]));
    } catch {
        common = null;
        refused();
    }
}

/**
 * @param {string} userId
 * @returns {Promise<{ isNew: boolean } | null>} whether it did not exist before; `null` without a database
 */
export async function open(userId) {
    close();
    isFull = false;
    let isNew = false;
    try {
        /** @type {any} */
        let opened;
        opened = await opening(nameOf(userId), {
            upgrade: (/** @type {any} */ created) => {
                isNew = true;
                for (const kind of ['todo', 'list', 'rejected']) created.createObjectStore(kind, { keyPath: 'id' });
                created.createObjectStore('outbox', { keyPath: 'seq' });
                created.createObjectStore('meta');
            },
            blocking: () => taken(opened),
            terminated: () => taken(opened),
        });
        db = opened;
    } catch {
        refused();
    }
    return db && { isNew };
}

/** Another tab, the browser or its user deletes the database. @param {any} opened */
function taken(opened) {
    opened.close();
    if (db !== opened) return;
    db = null;
    gone();
}

export function close() {
    db?.close();
    db = null;
}

export const isOpen = () => db !== null;

function refused() {
    setStatus({ notice: 'storage_refused' });
}

/** The database cannot be used any more: a part of what follows would otherwise be missing in it. */
function lost() {
    close();
    refused();
    gone();
}

/** Reads from the database. @template T @param {() => Promise<T>} read @param {T} otherwise if there is none @returns {Promise<T>} */
async function readOr(read, otherwise) {
    try {
        return db ? await answered(read(), db) : otherwise;
    } catch {
        return otherwise;
    }
}

/** Everything of the user; `null` without a database. */
export const load = () => readOr(loadNow, /** @type {Awaited<ReturnType<typeof loadNow>> | null} */ (null));

async function loadNow() {
    const tx = begin(db, STORES);
    const [todo, list, rows, rejected, meta] = await Promise.all([
        ...STORES.slice(0, 4).map((store) => tx.objectStore(store).getAll()), tx.objectStore('meta').get('sync')]);
    return { todo, list, rows, rejected, meta: /** @type {Meta} */ ({ ...BLANK, ...meta }) };
}

/** @returns {Promise<Row[]>} */
export const readRows = () => readOr(() => begin(db, 'outbox').objectStore('outbox').getAll(), []);

/** @returns {Promise<Meta>} */
export async function readMeta() {
    return { ...BLANK, ...await readOr(() => begin(db, 'meta').objectStore('meta').get('sync'), /** @type {any} */ (undefined)) };
}

/** @returns {Promise<Rejected[]>} */
export const readRejected = () => readOr(() => begin(db, 'rejected').objectStore('rejected').getAll(), []);

/**
 * @typedef {{ todo?: any[], list?: any[], removed?: { type: string, id: string }[], rows?: Row[], ended?: number[],
 *     rejected?: Rejected[], dismissed?: string[], meta?: Meta, guarded?: boolean }} Stored
 */

/** Everything in one transaction. @param {Stored} change */
export async function save(change) {
    if (!db) return;
    const used = db;
    const isOver = () => db !== used;
    try {
        if (!isFull) return await answered(write(change), used);
    } catch {
        if (isOver()) return;
        isFull = true;
        refused();
    }
    try {
        // The copies, their token and the commands that belong to it stay as they were together.
        const given = { rows: change.rows?.filter((row) => !row.acked), rejected: change.rejected, dismissed: change.dismissed };
        await answered(write(given), used);
    } catch {
        if (!isOver()) lost();
    }
}

/** @param {Stored} change */
async function write(change) {
    const tx = begin(db, STORES, 'readwrite');
    // Without a promise for each entry, which costs more than the entry: the end of the transaction says whether all are stored.
    /** @type {IDBTransaction} */
    const raw = /** @type {any} */ (unwrap(tx));
    const into = (/** @type {string} */ store) => raw.objectStore(store);
    for (const kind of /** @type {const} */ (['todo', 'list'])) {
        for (const entry of change[kind] ?? []) {
            // Another tab may read too, and be further.
            const stored = change.guarded && await tx.objectStore(kind).get(entry.id);
            if (!stored || stored.object.version <= entry.object.version) into(kind).put(entry);
        }
    }
    for (const { type, id } of change.removed ?? []) if (type === 'todo' || type === 'list') into(type).delete(id);
    for (const row of change.rows ?? []) into('outbox').put(row);
    for (const seq of change.ended ?? []) into('outbox').delete(seq);
    for (const entry of change.rejected ?? []) into('rejected').put(entry);
    for (const id of change.dismissed ?? []) into('rejected').delete(id);
    if (change.meta) into('meta').put(change.meta, 'sync');
    // Otherwise a page that is closed now would abort it.
    tx.commit();
    await tx.done;
}

/**
 * Forgets what the browser holds of a user. Changes that were not sent stay, so that they are sent when the same user signs
 * in again.
 * @param {string} userId @param {boolean} keeps those changes
 */
export async function wipe(userId, keeps) {
    try {
        if (db) {
            const tx = begin(db, STORES, 'readwrite');
            const counts = ['outbox', 'rejected'].map((store) => tx.objectStore(store).count());
            const cleared = ['todo', 'list', 'meta'].map((store) => tx.objectStore(store).clear());
            const [unsent, notSaved] = await answered(Promise.all([...counts, ...cleared, tx.done]));
            close();
            if (keeps && unsent + notSaved > 0) return;
        }
        await answered(deleteDB(nameOf(userId)));
    } catch {
        close();
    }
}

/** Asks the browser not to remove the data of a site that is not used for a while. */
export async function keepStorage() {
    try {
        await navigator.storage?.persist?.();
    } catch {
        // Then the browser decides.
    }
}
