// Which todos a view shows, in which order and under which headings.
import { compareDue, daysBetween, localAt, localDue, todayIn } from './due.js';
import { byPosition } from './order.js';
import { keptSum } from './sorted.js';

/**
 * @typedef {import('../store/types.js').Todo} Todo
 * @typedef {{id: string, depth?: number}} GroupRow a todo, or its id and how deep it is in a tree
 * @typedef {{key: string, kind: 'plain' | 'overdue' | 'today' | 'day' | 'month' | 'completed', date?: string, rows: GroupRow[]}} Group
 * @typedef {{zone: string, now: number, kept?: Set<string>}} Moment `kept` has todos that were just completed and still show
 */

const DAYS_BY_NAME = 14;
const isOpen = (todo, kept) => todo.deleted_at === null && (!todo.completed || (kept?.has(todo.id) ?? false));

/**
 * Todos as a tree; a todo whose parent is not among them is at the top.
 * @param {Todo[]} todos in their order @returns {GroupRow[]}
 */
export function treeOf(todos) {
    if (!todos.some((todo) => todo.parent_id)) return todos;
    const known = new Set(todos.map((todo) => todo.id));
    /** @type {Map<string, Todo[]>} */
    const below = new Map();
    const top = [];
    for (const todo of todos) {
        const parent = todo.parent_id && known.has(todo.parent_id) ? todo.parent_id : '';
        const siblings = parent ? below.get(parent) : top;
        if (siblings) siblings.push(todo);
        else below.set(parent, [todo]);
    }
    /** @type {GroupRow[]} */
    const rows = [];
    const walk = (siblings, depth) => {
        for (const { id } of siblings) {
            rows.push({ id, depth });
            const children = below.get(id);
            if (children) walk(children, depth + 1);
        }
    };
    walk(top, 0);
    return rows;
}

/** The inbox (`null`) or a list. @param {Todo[]} todos @param {string | null} listId @param {Moment} moment @returns {Group[]} */
export function listGroups(todos, listId, { kept }) {
    return [{ key: 'open', kind: 'plain', rows: treeOf(todos.filter((todo) => todo.list_id === listId && isOpen(todo, kept))) }];
}

/** The completed todos of a list in the order of `todos`. @param {Todo[]} todos @param {string | null} listId */
export const completedIn = (todos, listId) => todos.filter((todo) => todo.list_id === listId && todo.completed && todo.deleted_at === null);

/** The last `n` of completed todos, the last one first. @param {Todo[]} completed @param {number} n */
export const lastCompleted = (completed, n) => completed.sort(lastCompletedFirst).slice(0, n);

export function tagGroups(todos, tag, { kept }) {
    const wanted = tag.toLowerCase();
    const found = todos.filter((todo) => isOpen(todo, kept) && todo.tags.some((one) => one.toLowerCase() === wanted));
    return [{ key: 'open', kind: 'plain', rows: found }];
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
        { key: 'overdue', kind: /** @type {const} */ ('overdue'), rows: overdue.sort(byDue(zone)) },
        { key: 'today', kind: /** @type {const} */ ('today'), date: today, rows: due.sort(byDue(zone)) },
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
    return roots.length ? [{ key: 'trash', kind: /** @type {const} */ ('plain'), rows: roots }] : [];
}

/** @returns {Group[]} */
function grouped(todos, headingOf) {
    /** @type {Group[]} */
    const groups = [];
    for (const todo of todos) {
        const { kind, date } = headingOf(todo);
        const key = `${kind} ${date}`;
        if (groups.at(-1)?.key !== key) groups.push({ key, kind, date, rows: [] });
        /** @type {Group} */ (groups.at(-1)).rows.push(todo);
    }
    return groups;
}

/** Adds to one of several counts. Those that are zero are left out. @template K @param {Map<K, number>} counts @param {K} key @param {number} by */
function count(counts, key, by) {
    const n = (counts.get(key) ?? 0) + by;
    if (n > 0) counts.set(key, n);
    else counts.delete(key);
}

/** @typedef {{ lists: Map<string | null, number>, tags: Map<string, number>, days: Map<string, number> }} Counts of open todos */

const countIn = (zone) => keptSum(
    () => /** @type {Counts} */ ({ lists: new Map(), tags: new Map(), days: new Map() }),
    (counts, /** @type {Todo} */ todo, sign) => {
        if (todo.deleted_at !== null || todo.completed) return;
        count(counts.lists, todo.list_id, sign);
        for (const tag of todo.tags) count(counts.tags, tag, sign);
        if (todo.due) count(counts.days, localDue(todo.due, zone).date, sign);
    },
);
let counted = { zone: '', of: countIn('UTC') };

/** The numbers beside the views of the sidebar, and how often each tag is on an open todo. @param {Todo[]} todos @param {Moment} moment */
export function countsOf(todos, { zone, now }) {
    if (counted.zone !== zone) counted = { zone, of: countIn(zone) };
    const { lists, tags, days } = counted.of(todos);
    const today = todayIn(zone, now);
    let due = 0;
    for (const [day, n] of days) if (day <= today) due += n;
    return { lists, tags, today: due };
}

/** @typedef {{ n: number, done: number }} Steps */

/** Done and total steps of each todo with subtasks. @type {(todos: Todo[]) => Map<string, Steps>} */
export const stepsOf = keptSum(() => new Map(), (steps, todo, sign) => {
    if (!todo.parent_id || todo.deleted_at) return;
    const before = steps.get(todo.parent_id) ?? { n: 0, done: 0 };
    // Each value is a new object, so that a view sees that it has changed.
    if (before.n + sign === 0) steps.delete(todo.parent_id);
    else steps.set(todo.parent_id, { n: before.n + sign, done: before.done + (todo.completed ? sign : 0) });
});
