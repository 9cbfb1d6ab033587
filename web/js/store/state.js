/**
 * What the views show: the server's copies with the effects of unsent commands on top. Everything is in memory; the
 * other files of this folder read and write the browser's database.
 */

import { batch, computed, signal } from '../../vendor/ui.js';
import { byPosition } from '../model/order.js';
import { resorted } from '../model/sorted.js';

/** @typedef {import('./types.js').Kind} Kind */
/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').ShownTodo} ShownTodo */
/** @typedef {import('./types.js').ShownList} ShownList */
/** @typedef {import('../../vendor/ui.js').Signal} Signal */

/** @type {{ todo: Map<string, any>, list: Map<string, any> }} */
export const base = { todo: new Map(), list: new Map() };
/** @type {{ todo: Map<string, ShownTodo>, list: Map<string, ShownList> }} */
export const shown = { todo: new Map(), list: new Map() };
/** @type {Map<number, Row>} in the order of `seq` */
export const rows = new Map();

/** @type {{ todo: Map<string, Map<number, Record<string, any> | null>>, list: Map<string, Map<number, Record<string, any> | null>> }} */
const effects = { todo: new Map(), list: new Map() };
/** What is shown without effects. @type {WeakSet<object>} */
const copies = new WeakSet();
/** @type {Map<string, any>} */
const todoSignals = new Map();
const revision = signal(0);
const listRevision = signal(0);
/** @type {ShownTodo[]} */
let array = [];
/** @type {Map<string, ShownTodo | undefined>} todos that have changed, as `array` has them */
const outdated = new Map();

/** @type {import('../../vendor/ui.js').Signal<import('./types.js').Session>} */
export const session = signal(/** @type {import('./types.js').Session} */ ('unknown'));
/** @type {import('../../vendor/ui.js').Signal<import('./types.js').Status>} */
export const status = signal({
    connected: false, unsent: 0, syncing: false, notice: /** @type {import('./types.js').Notice} */ (null),
    ready: false, complete: false,
});
/** @type {import('../../vendor/ui.js').Signal<string[]>} */
export const ids = signal(/** @type {string[]} */ ([]));
/** @type {import('../../vendor/ui.js').Signal<import('./types.js').Rejected[]>} */
export const rejected = signal(/** @type {import('./types.js').Rejected[]} */ ([]));

/** Changes of users who are signed out. @type {import('../../vendor/ui.js').Signal<{ name: string, n: number }[]>} */
export const waiting = signal(/** @type {{ name: string, n: number }[]} */ ([]));

export const lists = computed(() => {
    void listRevision.value;
    return [...shown.list.values()].filter((list) => list.deleted_at === null).sort(byPosition);
});
export const trashedLists = computed(() => {
    void listRevision.value;
    return [...shown.list.values()].filter((list) => list.deleted_at !== null);
});

/** @param {Partial<import('./types.js').Status>} changes */
export function setStatus(changes) {
    const entries = /** @type {[keyof import('./types.js').Status, any][]} */ (Object.entries(changes));
    if (entries.some(([name, value]) => status.peek()[name] !== value)) {
        status.value = { ...status.peek(), ...changes };
    }
}

/** The signal of one todo; `undefined` is its value if there is none. @param {string} id */
export function todo(id) {
    let found = todoSignals.get(id);
    if (!found) {
        found = signal(shown.todo.get(id));
        todoSignals.set(id, found);
    }
    return found;
}

/** All todos in their order, those in the trash too. @returns {ShownTodo[]} */
export function all() {
    void revision.value;
    if (outdated.size > 0) {
        const defined = (/** @type {ShownTodo | undefined} */ found) => found !== undefined;
        const come = [...outdated.keys()].map((id) => shown.todo.get(id)).filter(defined);
        array = resorted(array, new Set([...outdated.values()].filter(defined)), come, byPosition);
        outdated.clear();
    }
    return array;
}

/** Computes what is shown of these objects, and tells the views once. @param {Iterable<[Kind, string]>} keys */
function refresh(keys) {
    let [todos, members, listsChanged] = [false, false, false];
    batch(() => {
        for (const [kind, id] of keys) {
            const [before, after] = [shown[kind].get(id), shownNow(kind, id)];
            if (before === after) continue;
            if (after === undefined) shown[kind].delete(id);
            else shown[kind].set(id, after);
            if (kind === 'list') listsChanged = true;
            else {
                todos = true;
                members ||= before === undefined || after === undefined;
                if (!outdated.has(id)) outdated.set(id, /** @type {ShownTodo | undefined} */ (before));
                const views = todoSignals.get(id);
                if (views) views.value = after;
            }
        }
        if (todos) revision.value += 1;
        if (members) ids.value = [...shown.todo.keys()];
        if (listsChanged) listRevision.value += 1;
        setStatus({ unsent: unsentCount() });
    });
}

function unsentCount() {
    let count = 0;
    for (const row of rows.values()) if (!row.acked) count += 1;
    return count;
}

/** @param {Kind} kind @param {string} id @returns {any} */
function shownNow(kind, id) {
    const object = base[kind].get(id);
    const over = effects[kind].get(id);
    if (!over) {
        const before = /** @type {any} */ (shown[kind].get(id));
        // The same copy again: nothing is drawn anew.
        if (object && copies.has(before) && before.version === object.version && before.updated_at === object.updated_at) return before;
        const copy = object && { ...object, unsent: false };
        if (copy) copies.add(copy);
        return copy;
    }
    let [result, unsent] = [object, false];
    for (const [seq, patch] of over) {
        const row = rows.get(seq);
        // The copy contains what the command did, and perhaps a later change.
        if (object && row?.acked && row.target === id && (row.version ?? Infinity) <= object.version) continue;
        unsent ||= !row?.acked;
        if (patch === null) result = undefined;
        // The effect of creating has all fields, and others change only what exists.
        else if (result || patch.id === id) result = { ...result, ...patch, version: result?.version ?? 0 };
    }
    return result && { ...result, unsent };
}

/** Adds commands, or replaces those with the same `seq`. @param {Row[]} added */
export function addRows(added) {
    /** @type {[Kind, string][]} */
    const keys = [];
    for (const row of added) {
        for (const { type, id } of rows.get(row.seq)?.effects ?? []) {
            if (!row.effects.some((effect) => effect.type === type && effect.id === id)) keys.push(...forgetEffect(row.seq, type, id));
        }
        rows.set(row.seq, row);
        for (const { type, id, patch } of row.effects) {
            const over = effects[type].get(id) ?? new Map();
            over.set(row.seq, patch);
            // Later commands are on top, whichever tab gave them.
            effects[type].set(id, new Map([...over].sort(([a], [b]) => a - b)));
            keys.push([type, id]);
        }
    }
    refresh(keys);
}

/** @param {number} seq @param {Kind} type @param {string} id @returns {[Kind, string][]} */
function forgetEffect(seq, type, id) {
    const over = effects[type].get(id);
    over?.delete(seq);
    if (over?.size === 0) effects[type].delete(id);
    return [[type, id]];
}

/** @param {number} seq @returns {[Kind, string][]} */
function forget(seq) {
    const row = rows.get(seq);
    rows.delete(seq);
    return (row?.effects ?? []).flatMap(({ type, id }) => forgetEffect(seq, type, id));
}

/**
 * What a page of sync and the end of commands change, in one step, so that nothing flickers in between.
 * @param {{ todo?: any[], list?: any[], removed?: { type: Kind, id: string }[], rows?: number[], acked?: Row[] }} change
 */
export function applyChange({ todo = [], list = [], removed = [], rows: ended = [], acked = [] }) {
    /** @type {[Kind, string][]} */
    const keys = [];
    const put = (/** @type {Kind} */ kind, /** @type {any[]} */ objects) => {
        for (const object of objects) {
            base[kind].set(object.id, object);
            keys.push([kind, object.id]);
        }
    };
    put('todo', todo);
    put('list', list);
    for (const { type, id } of removed) {
        base[type]?.delete(id);
        if (base[type]) keys.push([type, id]);
    }
    for (const seq of ended) keys.push(...forget(seq));
    for (const row of acked) {
        if (!rows.has(row.seq)) continue;
        rows.set(row.seq, row);
        for (const { type, id } of row.effects) keys.push([type, id]);
    }
    refresh(keys);
}

/** Forgets everything of the user, as when somebody else signs in. */
export function clearAll() {
    batch(() => {
        for (const kind of /** @type {Kind[]} */ (['todo', 'list'])) {
            base[kind].clear();
            effects[kind].clear();
            shown[kind].clear();
        }
        rows.clear();
        for (const views of todoSignals.values()) views.value = undefined;
        todoSignals.clear();
        outdated.clear();
        array = [];
        ids.value = [];
        rejected.value = [];
        revision.value += 1;
        listRevision.value += 1;
        setStatus({ unsent: 0, syncing: false, ready: false, complete: false });
    });
}
