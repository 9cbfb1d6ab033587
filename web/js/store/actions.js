/** What users do. Every action is shown at once and becomes commands in the outbox. */

import {
    blankTodo, completing, descendants, moving, placed, removing, restoring, restoringList, trashing, trashingList,
} from '../model/effects.js';
import { newId } from '../model/ids.js';
import { byPosition, last } from '../model/order.js';
import { enqueue } from './outbox.js';
import { shown } from './state.js';
import { remember } from './undo.js';

/** @typedef {import('./types.js').Todo} Todo */
/** @typedef {import('./types.js').NewTodo} NewTodo */
/** @typedef {import('./types.js').TodoFields} TodoFields */
/** @typedef {import('./types.js').ListFields} ListFields */
/** @typedef {import('./types.js').Place} Place */
/** @typedef {import('./types.js').Kind} Kind */
/** @typedef {import('./types.js').Effect} Effect */

const now = () => new Date().toISOString();

/** @param {object} object @param {string[]} names @returns {Record<string, any>} */
function pick(object, names) {
    return Object.fromEntries(names.map((name) => [name, /** @type {any} */ (object)[name]]));
}

/** @param {NewTodo} input @returns {string} the id */
export function add(input) {
    const id = input.id ?? newId();
    const parent = input.parent_id ? shown.todo.get(input.parent_id) : undefined;
    const todo = blankTodo({ ...input, list_id: parent ? parent.list_id : input.list_id }, { id, now: now() });
    const { id: _, list_id, ...body } = /** @type {Record<string, any>} */ (input);
    // The server knows the list of a parent.
    if (!parent && list_id !== undefined) body.list_id = list_id;
    enqueue([{ op: 'put', type: 'todo', target: id, body, effects: [{ type: 'todo', id, patch: todo }] }]);
    remember('add', () => trash(id));
    return id;
}

/** @param {string} id @param {TodoFields} fields */
export function patch(id, fields) {
    const before = edit('todo', id, fields);
    if (before) remember('patch', () => takeBack('todo', id, before, fields));
}

/** @param {Kind} kind @param {string} id @param {Record<string, any>} fields @returns the fields as they were, if they change */
function edit(kind, id, fields) {
    const object = /** @type {any} */ (shown[kind].get(id));
    const names = Object.keys(fields);
    const changed = names.filter((name) => JSON.stringify(object?.[name]) !== JSON.stringify(fields[name]));
    if (!object || changed.length === 0) return null;
    const [before, body] = [pick(object, changed), pick(fields, changed)];
    enqueue([{ op: 'patch', type: kind, target: id, body, before, effects: [{ type: kind, id, patch: body }] }]);
    return before;
}

/**
 * Sets fields back, except those that somebody has changed since.
 * @param {Kind} kind @param {string} id @param {Record<string, any>} before @param {Record<string, any>} after
 */
function takeBack(kind, id, before, after) {
    const object = /** @type {any} */ (shown[kind].get(id));
    const own = Object.keys(before).filter((name) => JSON.stringify(object?.[name]) === JSON.stringify(after[name]));
    edit(kind, id, pick(before, own));
}

/**
 * @param {string} id
 * @param {import('./types.js').Due | null} [next] of a recurring todo: the next due date, if it is known
 */
export function complete(id, next) {
    const todo = shown.todo.get(id);
    if (!todo || todo.completed) return;
    const recurs = todo.recurrence !== null;
    /** @type {Effect[]} */
    const effects = recurs && next ? [{ type: 'todo', id, patch: { due: next } }] : completing(shown, id, true, now());
    const reopened = recurs ? [] : effects.map((effect) => effect.id);
    const before = recurs ? { due: todo.due, completed: false } : { completed: false };
    enqueue([{ op: 'patch', type: 'todo', target: id, body: { completed: true }, before, effects }]);
    remember('complete', () => (recurs ? undoRecurring(id, todo) : reopenAll(reopened)));
}

/** @param {string} id @param {Todo} todo as it was */
function undoRecurring(id, todo) {
    const effects = [{ type: /** @type {const} */ ('todo'), id, patch: { due: todo.due, completed: false, completed_at: null } }];
    enqueue([{ op: 'undo', type: 'todo', target: id, effects }]);
}

/** @param {string[]} all */
function reopenAll(all) {
    enqueue(all.filter((id) => shown.todo.get(id)?.completed).map((id) => ({
        op: 'patch', type: 'todo', target: id, body: { completed: false }, before: { completed: true },
        effects: completing(shown, id, false, now()),
    })));
}

/** @param {string} id */
export function reopen(id) {
    if (!shown.todo.get(id)?.completed) return;
    reopenAll([id]);
    remember('reopen', () => complete(id));
}

/** @param {string} id @param {import('./types.js').Due | null} [next] */
export function skip(id, next) {
    const todo = shown.todo.get(id);
    if (!todo?.recurrence) return;
    const due = todo.due;
    const patch = next ? { due: next } : {};
    enqueue([{ op: 'skip', type: 'todo', target: id, before: { due }, effects: [{ type: 'todo', id, patch }] }]);
    // A due date alone moves the occurrence back within its series.
    remember('skip', () => edit('todo', id, { due }));
}

/** @param {string} id @param {Place} place */
export function move(id, place) {
    const todo = shown.todo.get(id);
    if (!todo) return;
    const next = follower(id);
    const back = { list_id: todo.list_id, parent_id: todo.parent_id, ...next };
    relocate(id, place);
    remember('move', () => relocate(id, back));
}

/** Where a todo is, in terms of the sibling after it. @param {string} id @returns {Place} */
function follower(id) {
    const todo = /** @type {Todo} */ (shown.todo.get(id));
    const after = [...shown.todo.values()].filter((other) => other.deleted_at === null
        && other.list_id === todo.list_id && other.parent_id === todo.parent_id && byPosition(todo, other) < 0);
    after.sort(byPosition);
    return after.length > 0 ? { before: after[0].id } : { bottom: true };
}

/** @param {string} id @param {Place} place */
function relocate(id, place) {
    if (!shown.todo.has(id)) return;
    const { effects, body } = moving(shown, id, place);
    enqueue([{ op: 'move', type: 'todo', target: id, body, effects }]);
}

/** @param {string} id */
export function trash(id) {
    const todo = shown.todo.get(id);
    if (!todo || todo.deleted_at !== null) return;
    enqueue([{ op: 'delete', type: 'todo', target: id, effects: trashing(shown, id, now()) }]);
    remember('trash', () => restore(id));
}

/** @param {string} id */
export function restore(id) {
    const todo = shown.todo.get(id);
    if (!todo || todo.deleted_at === null) return;
    enqueue([{ op: 'restore', type: 'todo', target: id, effects: restoring(shown, id) }]);
    remember('restore', () => trash(id));
}

/** @param {string} id */
export function removeForever(id) {
    if (!shown.todo.has(id)) return;
    enqueue([{ op: 'delete', type: 'todo', target: id, body: { permanent: true }, effects: removing(shown, id) }]);
}

/** @param {string} name @param {ListFields} [fields] @returns {string} the id */
export function addList(name, fields = {}) {
    const [id, at] = [newId(), now()];
    const list = {
        id, name, description: '', color: null, ...fields, position: last(), version: 0, created_at: at,
        updated_at: at, deleted_at: null,
    };
    enqueue([{ op: 'put', type: 'list', target: id, body: { name, ...fields }, effects: [{ type: 'list', id, patch: list }] }]);
    remember('addList', () => trashList(id));
    return id;
}

/** @param {string} id @param {ListFields} fields */
export function patchList(id, fields) {
    const before = edit('list', id, fields);
    if (before) remember('patchList', () => takeBack('list', id, before, fields));
}

/** @param {string} id @param {Place} place */
export function moveList(id, place) {
    const siblings = [...shown.list.values()].filter((list) => list.id !== id && list.deleted_at === null);
    const list = shown.list.get(id);
    if (!list) return;
    const next = siblings.filter((other) => byPosition(list, other) < 0).sort(byPosition)[0];
    relocateList(id, place);
    remember('moveList', () => relocateList(id, next ? { before: next.id } : { bottom: true }));
}

/** @param {string} id @param {Place} place */
function relocateList(id, place) {
    const siblings = [...shown.list.values()].filter((list) => list.id !== id && list.deleted_at === null);
    const { position, body } = placed(siblings, place);
    enqueue([{ op: 'move', type: 'list', target: id, body, effects: [{ type: 'list', id, patch: { position } }] }]);
}

/** The list and its todos go into the trash. @param {string} id */
export function trashList(id) {
    if (shown.list.get(id)?.deleted_at !== null) return;
    enqueue([{ op: 'delete', type: 'list', target: id, effects: trashingList(shown, id, now()) }]);
    remember('trashList', () => restoreList(id));
}

/** @param {string} id */
export function restoreList(id) {
    if (!shown.list.get(id)?.deleted_at) return;
    enqueue([{ op: 'restore', type: 'list', target: id, effects: restoringList(shown, id) }]);
    remember('restoreList', () => trashList(id));
}

/** @param {string} tag @param {string | null} to `null`: the tag is taken off */
function replaceTag(tag, to) {
    const changed = [...shown.todo.values()].filter((todo) => todo.tags.includes(tag));
    const before = changed.map((todo) => ({ id: todo.id, tags: todo.tags }));
    const commands = changed.map((todo) => {
        const others = todo.tags.filter((other) => other !== tag && other !== to);
        const tags = to === null ? others : todo.tags.map((other) => (other === tag ? to : other));
        const unique = [...new Set(tags)];
        return patchCommand(todo.id, { tags: unique }, { tags: todo.tags });
    });
    enqueue(commands);
    const after = new Map(commands.map((command) => [command.target, command.body]));
    return () => before.forEach(({ id, tags }) => takeBack('todo', id, { tags }, after.get(id) ?? {}));
}

/** @param {string} id @param {Record<string, any>} body @param {Record<string, any>} before @returns {import('./outbox.js').Command} */
function patchCommand(id, body, before) {
    return { op: 'patch', type: 'todo', target: id, body, before, effects: [{ type: 'todo', id, patch: body }] };
}

/** @param {string} tag @param {string} to */
export function renameTag(tag, to) {
    remember('renameTag', replaceTag(tag, to));
}

/** @param {string} tag */
export function removeTag(tag) {
    remember('removeTag', replaceTag(tag, null));
}

/** How many todos go into the trash with this one. @param {string} id */
export function countBelow(id) {
    return descendants(shown, id).filter((todo) => todo.deleted_at === null).length;
}
