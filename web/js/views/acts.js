// What a person does with a todo, with the words for it: the store acts at once, the toast offers to undo it.
import { store } from '../store/store.js';
import { addDays, dayText, localDue, todayIn } from '../model/due.js';
import { nextDue } from '../model/recurrence.js';
import { locale, t } from './i18n.js';
import { announce, clock, focusList, focusRow, linger, neighbourOf, openDialog, showToast, zone } from './ui.js';

export const dayWords = () => ({ today: t('today'), tomorrow: t('tomorrow'), yesterday: t('yesterday') });
export const dayName = (date) => dayText(date, todayIn(zone.value, clock.value), locale.value, dayWords());
export const listName = (id) => (id ? store.lists.value.find((list) => list.id === id)?.name ?? '' : t('inbox'));

export function toggle(id) {
    const todo = store.todo(id).value;
    if (!todo) return;
    if (todo.completed) {
        store.reopen(id);
        announce(t('reopened', { name: todo.name }));
        return;
    }
    const next = todo.recurrence ? nextDue(todo, zone.value, Date.now()) : undefined;
    const hasFocus = document.activeElement?.closest(`[data-id="${CSS.escape(id)}"]`);
    const neighbour = hasFocus && neighbourOf(id);
    if (!todo.recurrence) linger(id);
    store.complete(id, next);
    if (neighbour && document.activeElement?.closest('main')) focusRow(neighbour);
    const date = next ? dayName(localDue(next, zone.value).date) : null;
    showToast(date ? t('completed_next', { name: todo.name, date }) : t('completed', { name: todo.name }), { undo: true });
}

export function trashTodo(id) {
    const todo = store.todo(id).value;
    if (!todo) return;
    const neighbour = neighbourOf(id);
    store.trash(id);
    focusRow(neighbour);
    showToast(t('trashed', { name: todo.name }), { undo: true });
}

export function restoreTodo(id) {
    const todo = store.todo(id).value;
    const neighbour = neighbourOf(id);
    store.restore(id);
    focusRow(neighbour);
    showToast(t('restored', { name: todo.name }), { undo: true });
}

export function removeTodo(id) {
    const { name } = store.todo(id).value;
    openDialog('confirm', {
        title: t('remove_forever_question', { name }), text: t('remove_forever_text'), action: t('remove_forever'), isDanger: true,
        confirm: () => { const neighbour = neighbourOf(id); store.removeForever(id); focusRow(neighbour); },
    });
}

export function skipTodo(id) {
    const todo = store.todo(id).value;
    if (!todo?.recurrence) return;
    const next = nextDue(todo, zone.value, Date.now());
    store.skip(id, next);
    showToast(next ? t('skipped', { date: dayName(localDue(next, zone.value).date) }) : t('skip'), { undo: true });
}

/** Moves a due date to a day and keeps its time. */
export function dueOn(todo, date) {
    if (!todo.due || 'date' in todo.due) return { date };
    return { ...todo.due, at: `${date}T${todo.due.at.slice(11, 16)}` };
}

export function setDay(id, days) {
    const todo = store.todo(id).value;
    store.patch(id, { due: dueOn(todo, addDays(todayIn(zone.value, clock.value), days)) });
    announce(t(days ? 'due_tomorrow' : 'due_today'));
}

export function allToToday(ids) {
    const today = todayIn(zone.value, clock.value);
    for (const id of ids) store.patch(id, { due: dueOn(store.todo(id).value, today) });
    showToast(t('moved_all_today', { n: ids.length }));
}

/** @param {'none' | 'low' | 'medium' | 'high'} priority */
export function setPriority(id, priority) {
    store.patch(id, { priority });
    announce(`${t('priority')}: ${t(`priority_${priority}`)}`);
}

/** The siblings in their order, of which the page may have drawn only the first ones. */
function siblingsOf({ list_id, parent_id }) {
    const isSibling = (other) => other.list_id === list_id && other.parent_id === parent_id && !other.completed && !other.deleted_at;
    return store.all().filter(isSibling).map(({ id }) => id);
}

/** @param {'up' | 'down' | 'top' | 'bottom'} way */
export function moveTodo(id, way) {
    const todo = store.todo(id).value;
    const siblings = siblingsOf(todo);
    const at = siblings.indexOf(id);
    const to = { up: at - 1, down: at + 1, top: 0, bottom: siblings.length - 1 }[way];
    if (at < 0 || to < 0 || to >= siblings.length || to === at) return;
    store.move(id, to < at ? { before: siblings[to] } : { after: siblings[to] });
    focusRow(id);
    announce(t('moved', { name: todo.name, at: to + 1, n: siblings.length }));
}

/** @param {string} id @param {'up' | 'down'} way */
export function moveList(id, way) {
    const lists = store.lists.value;
    const at = lists.findIndex((list) => list.id === id);
    const to = way === 'up' ? at - 1 : at + 1;
    if (at < 0 || to < 0 || to >= lists.length) return;
    store.moveList(id, to < at ? { before: lists[to].id } : { after: lists[to].id });
    focusList(id);
    announce(t('moved', { name: lists[at].name, at: to + 1, n: lists.length }));
}

export function moveToList(id, listId) {
    const todo = store.todo(id).value;
    if (todo.list_id === listId) return;
    store.move(id, { list_id: listId, parent_id: null, bottom: true });
    showToast(t('moved_to', { name: todo.name, list: listName(listId) }), { undo: true });
}
