/** What a command changes for the user before the server has carried it out: on its target, and on what depends on it. */

import { between, byPosition, last } from './order.js';

/** @typedef {import('../store/types.js').Effect} Effect */
/** @typedef {import('../store/types.js').Todo} Todo */
/** @typedef {import('../store/types.js').List} List */
/** @typedef {{ todo: Map<string, Todo>, list: Map<string, List> }} Shown */

/** All todos below one, without the todo itself. @param {Shown} shown @param {string} id @returns {Todo[]} */
export function descendants(shown, id) {
    /** @type {Map<string, Todo[]>} */
    const children = new Map();
    for (const todo of shown.todo.values()) {
        if (todo.parent_id === null) continue;
        const siblings = children.get(todo.parent_id);
        if (siblings) siblings.push(todo);
        else children.set(todo.parent_id, [todo]);
    }
    const found = [];
    for (let level = children.get(id) ?? []; level.length > 0;) {
        found.push(...level);
        level = level.flatMap((todo) => children.get(todo.id) ?? []);
    }
    return found;
}

/**
 * @param {import('../store/types.js').NewTodo} input
 * @param {{ id: string, now: string, position?: string }} with_
 * @returns {Todo}
 */
export function blankTodo(input, { id, now, position }) {
    return {
        id,
        list_id: input.list_id ?? null,
        parent_id: input.parent_id ?? null,
        name: input.name,
        description: input.description ?? '',
        completed: input.completed ?? false,
        completed_at: input.completed ? now : null,
        due: input.due ?? null,
        recurrence: input.recurrence ?? null,
        priority: input.priority ?? 'none',
        tags: input.tags ?? [],
        position: position ?? last(),
        occurrence_of: null,
        version: 0,
        created_at: now,
        updated_at: now,
        deleted_at: null,
    };
}

/** @param {Shown} shown @param {string} id @param {boolean} completed @param {string} now @returns {Effect[]} */
export function completing(shown, id, completed, now) {
    const done = { completed, completed_at: completed ? now : null };
    // Reopening a parent leaves its subtasks as they are.
    const below = completed ? descendants(shown, id).filter((todo) => !todo.completed) : [];
    return [id, ...below.map((todo) => todo.id)].map((id) => ({ type: 'todo', id, patch: done }));
}

/** @param {Shown} shown @param {string} id @param {string} now @returns {Effect[]} */
export function trashing(shown, id, now) {
    const below = descendants(shown, id).filter((todo) => todo.deleted_at === null);
    return [id, ...below.map((todo) => todo.id)].map((id) => ({ type: 'todo', id, patch: { deleted_at: now } }));
}

/** What went into the trash together comes back together. @param {Shown} shown @param {string} id @returns {Effect[]} */
export function restoring(shown, id) {
    const at = shown.todo.get(id)?.deleted_at;
    const below = descendants(shown, id).filter((todo) => todo.deleted_at === at);
    return [id, ...below.map((todo) => todo.id)].map((id) => ({ type: 'todo', id, patch: { deleted_at: null } }));
}

/** @param {Shown} shown @param {string} id @returns {Effect[]} */
export function removing(shown, id) {
    return [id, ...descendants(shown, id).map((todo) => todo.id)].map((id) => ({ type: 'todo', id, patch: null }));
}

/** @param {Shown} shown @param {string} id @param {string} now @returns {Effect[]} */
export function trashingList(shown, id, now) {
    const todos = [...shown.todo.values()].filter((todo) => todo.list_id === id && todo.deleted_at === null);
    /** @type {Effect[]} */
    const effects = todos.map((todo) => ({ type: 'todo', id: todo.id, patch: { deleted_at: now } }));
    return [{ type: 'list', id, patch: { deleted_at: now } }, ...effects];
}

/** @param {Shown} shown @param {string} id @returns {Effect[]} */
export function restoringList(shown, id) {
    const at = shown.list.get(id)?.deleted_at;
    const todos = [...shown.todo.values()].filter((todo) => todo.list_id === id && todo.deleted_at === at);
    /** @type {Effect[]} */
    const effects = todos.map((todo) => ({ type: 'todo', id: todo.id, patch: { deleted_at: null } }));
    return [{ type: 'list', id, patch: { deleted_at: null } }, ...effects];
}

/**
 * The position at a place among siblings, and the body of the command that asks the server for it.
 * @template {{ id: string, position: string }} T
 * @param {T[]} siblings without the moved one
 * @param {import('../store/types.js').Place} place
 */
export function placed(siblings, place) {
    const sorted = [...siblings].sort(byPosition);
    const anchor = place.before ?? place.after;
    const at = anchor === undefined ? -1 : sorted.findIndex((sibling) => sibling.id === anchor);
    let index = sorted.length;
    if (place.top) index = 0;
    else if (at >= 0) index = place.before === undefined ? at + 1 : at;
    const [lower, upper] = [sorted[index - 1], sorted[index]];
    const body = upper ? { before: upper.id } : lower ? { after: lower.id } : {};
    return { position: between(lower?.position ?? null, upper?.position ?? null), body };
}

/**
 * Moving a todo to another list takes its subtasks along.
 * @param {Shown} shown @param {string} id @param {import('../store/types.js').Place} place
 * @returns {{ effects: Effect[], body: Record<string, any> }}
 */
export function moving(shown, id, place) {
    const todo = /** @type {Todo} */ (shown.todo.get(id));
    const parent_id = place.parent_id === undefined ? todo.parent_id : place.parent_id;
    const parent = parent_id === null ? undefined : shown.todo.get(parent_id);
    let list_id = place.list_id === undefined ? todo.list_id : place.list_id;
    // A subtask is in the list of its parent, so one that is moved to another list becomes a task of its own.
    const keepsParent = place.list_id === undefined || place.parent_id !== undefined || list_id === todo.list_id;
    const newParent = keepsParent ? parent_id : null;
    if (keepsParent && parent) list_id = parent.list_id;
    const siblings = [...shown.todo.values()].filter((other) => other.id !== id && other.deleted_at === null
        && other.list_id === list_id && other.parent_id === newParent);
    const { position, body } = placed(siblings, place);
    /** @type {Effect[]} */
    const effects = [{ type: 'todo', id, patch: { list_id, parent_id: newParent, position } }];
    if (list_id !== todo.list_id) {
        effects.push(...descendants(shown, id).map((below) => (
            { type: /** @type {const} */ ('todo'), id: below.id, patch: { list_id } })));
    }
    // The server knows the list of a parent, and the parent may have moved since.
    const to = newParent === null ? { list_id, parent_id: null } : { parent_id: newParent };
    return { effects, body: { ...to, ...body } };
}
