// Which todos a view shows, in which order and under which headings.
import { compareDue, daysBetween, localAt, localDue, todayIn } from './due.js';
import { byPosition } from './order.js';

/**
 * @typedef {import('../store/types.js').Todo} Todo
 * @typedef {{id: string, depth: number}} GroupRow
 * @typedef {{key: string, kind: 'plain' | 'overdue' | 'today' | 'day' | 'month' | 'completed', date?: string, rows: GroupRow[]}} Group
 * @typedef {{zone: string, now: number, kept?: Set<string>}} Moment `kept` has todos that were just completed and still show
 */

const DAYS_BY_NAME = 14;
const flat = (todos) => todos.map(({ id }) => ({ id, depth: 0 }));
const isOpen = (todo, kept) => todo.deleted_at === null && (!todo.completed || (kept?.has(todo.id) ?? false));

/** Todos as a tree in their order; a todo whose parent is not among them is at the top. @param {Todo[]} todos @returns {GroupRow[]} */
export function treeOf(todos) {
    const known = new Set(todos.map((todo) => todo.id));
    /** @type {Map<string, Todo[]>} */
    const below = new Map();
    for (const todo of todos) {
        const parent = todo.parent_id && known.has(todo.parent_id) ? todo.parent_id : '';
        const siblings = below.get(parent);
        if (siblings) siblings.push(todo);
        else below.set(parent, [todo]);
    }
    /** @type {GroupRow[]} */
    const rows = [];
    const walk = (parent, depth) => {
        const children = below.get(parent);
        if (!children) return;
        for (const todo of children.sort(byPosition)) {
            rows.push({ id: todo.id, depth });
            walk(todo.id, depth + 1);
        }
    };
    walk('', 0);
    return rows;
}

/** The inbox (`null`) or a list. @param {Todo[]} todos @param {string | null} listId @param {Moment} moment @returns {Group[]} */
export function listGroups(todos, listId, { kept }) {
    return [{ key: 'open', kind: 'plain', rows: treeOf(todos.filter((todo) => todo.list_id === listId && isOpen(todo, kept))) }];
}

/** The completed todos of a list, the last one first. */
export function completedIn(todos, listId) {
    return flat(todos.filter((todo) => todo.list_id === listId && todo.completed && todo.deleted_at === null).sort(lastCompletedFirst));
}

export function tagGroups(todos, tag, { kept }) {
    const wanted = tag.toLowerCase();
    const found = todos.filter((todo) => isOpen(todo, kept) && todo.tags.some((one) => one.toLowerCase() === wanted));
    return [{ key: 'open', kind: 'plain', rows: flat(found.sort(byPosition)) }];
}

const byDue = (zone) => (a, b) => compareDue(a.due, b.due, zone) || byPosition(a, b);

/** Everything due today or earlier, subtasks with a date of their own too. @param {Todo[]} todos @param {Moment} moment @returns {Group[]} */
export function todayGroups(todos, { zone, now, kept }) {
    const today = todayIn(zone, now);
    const overdue = [], due = [];
    for (const todo of todos) {
        if (!todo.due || !isOpen(todo, kept)) continue;
        const { date } = localDue(todo.due, zone);
        if (date < today) overdue.push(todo);
        else if (date === today) due.push(todo);
    }
    const groups = [
        { key: 'overdue', kind: /** @type {const} */ ('overdue'), rows: flat(overdue.sort(byDue(zone))) },
        { key: 'today', kind: /** @type {const} */ ('today'), date: today, rows: flat(due.sort(byDue(zone))) },
    ];
    return groups.filter((group) => group.rows.length);
}

/** By day for two weeks, then by month. @param {Todo[]} todos @param {Moment} moment @returns {Group[]} */
export function upcomingGroups(todos, { zone, now, kept }) {
    const today = todayIn(zone, now);
    const later = todos.filter((todo) => todo.due && isOpen(todo, kept) && localDue(todo.due, zone).date > today).sort(byDue(zone));
    return grouped(later, (todo) => {
        const { date } = localDue(todo.due, zone);
        return daysBetween(today, date) <= DAYS_BY_NAME ? { kind: 'day', date } : { kind: 'month', date: `${date.slice(0, 7)}-01` };
    });
}

const lastCompletedFirst = (a, b) => ((a.completed_at ?? '') < (b.completed_at ?? '') ? 1 : -1);

export function doneGroups(todos, { zone }) {
    const done = todos.filter((todo) => todo.completed && todo.deleted_at === null).sort(lastCompletedFirst);
    return grouped(done, (todo) => ({ kind: 'completed', date: localAt(Date.parse(todo.completed_at ?? todo.updated_at), zone).slice(0, 10) }));
}

/** The trash without the subtasks that came into it with their parent. */
export function trashGroups(todos) {
    const gone = new Map(todos.filter((todo) => todo.deleted_at !== null).map((todo) => [todo.id, todo]));
    const roots = [...gone.values()].filter((todo) => !todo.parent_id || !gone.has(todo.parent_id));
    roots.sort((a, b) => ((a.deleted_at ?? '') < (b.deleted_at ?? '') ? 1 : -1));
    return roots.length ? [{ key: 'trash', kind: /** @type {const} */ ('plain'), rows: flat(roots) }] : [];
}

/** @returns {Group[]} */
function grouped(todos, headingOf) {
    /** @type {Group[]} */
    const groups = [];
    for (const todo of todos) {
        const { kind, date } = headingOf(todo);
        const key = `${kind} ${date}`;
        if (groups.at(-1)?.key !== key) groups.push({ key, kind, date, rows: [] });
        /** @type {Group} */ (groups.at(-1)).rows.push({ id: todo.id, depth: 0 });
    }
    return groups;
}

/** The numbers beside the views of the sidebar, and how often each tag is on an open todo. @param {Todo[]} todos */
export function countsOf(todos, { zone, now }) {
    const today = todayIn(zone, now);
    /** @type {Map<string | null, number>} */
    const lists = new Map();
    /** @type {Map<string, number>} */
    const tags = new Map();
    let due = 0;
    for (const todo of todos) {
        if (todo.deleted_at !== null || todo.completed) continue;
        lists.set(todo.list_id, (lists.get(todo.list_id) ?? 0) + 1);
        for (const tag of todo.tags) tags.set(tag, (tags.get(tag) ?? 0) + 1);
        if (todo.due && localDue(todo.due, zone).date <= today) due += 1;
    }
    return { lists, tags, today: due };
}
