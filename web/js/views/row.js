// One todo in a list.
import { html, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { formatTime, isLate, localDue } from '../model/due.js';
import { ruleText } from '../model/recurrence.js';
import { dayName, moveToList, moveTodo, removeTodo, restoreTodo, setDay, setPriority, skipTodo, toggle, trashTodo } from './acts.js';
import { Dot, Menu } from './dialog.js';
import { startDrag, todos } from './drag.js';
import { Icon } from './icons.js';
import { locale, t } from './i18n.js';
import { clock, openTodo, zone } from './ui.js';

/** @param {{todo: import('../store/types.js').ShownTodo}} props */
export function Tick({ todo }) {
    const isDone = todo.completed;
    const label = `${t(isDone ? 'untick' : 'tick')}: ${todo.name}`;
    return html`<label class=${`tick ${todo.priority}`}>
        <input type="checkbox" checked=${isDone} aria-label=${label} onChange=${(event) => { toggle(todo.id); event.target.checked = store.todo(todo.id).value?.completed ?? true; }} />
        <svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="9.5" /><path d="m7.5 12.4 3 3 6-6.6" /></svg>
    </label>`;
}

/** What the row says about the due date: text, and whether it is late. */
export function dueLabel(todo) {
    if (!todo.due) return null;
    const { date, time } = localDue(todo.due, zone.value);
    const isOverdue = !todo.completed && isLate(todo.due, zone.value, clock.value);
    return { text: time ? `${dayName(date)}, ${formatTime(time, locale.value)}` : dayName(date), isOverdue };
}

/** @param {{todo: any, showList: boolean, hideDay: boolean, steps?: {n: number, done: number}}} props */
function Meta({ todo, showList, hideDay, steps }) {
    const due = dueLabel(todo);
    const time = hideDay && todo.due ? localDue(todo.due, zone.value).time : null;
    const parent = todo.parent_id && showList ? store.todo(todo.parent_id).value : null;
    const list = showList && todo.list_id ? store.lists.value.find((one) => one.id === todo.list_id) : null;
    const icon = (name, label = '') => Icon({ name, size: 14, label });
    const parts = [
        due && (!hideDay || time || due.isOverdue) && html`<span class=${due.isOverdue ? 'meta-due late' : 'meta-due'}>${icon('calendar', due.isOverdue ? t('overdue') : '')}${hideDay && time ? formatTime(time, locale.value) : due.text}</span>`,
        todo.recurrence && html`<span>${icon('repeat')}${ruleText(todo.recurrence.rule, locale.value, t)}</span>`,
        todo.priority !== 'none' && html`<span class=${`meta-priority ${todo.priority}`}>${icon('flag')}${t(`priority_${todo.priority}`)}</span>`,
        steps && html`<span title=${t('steps_done', steps)}>${icon('steps')}<span aria-hidden="true">${steps.done}/${steps.n}</span><span class="hidden">${t('steps_done', steps)}</span></span>`,
        parent && html`<span>${icon('subtask', t('subtask_of', { name: '' }))}${parent.name}</span>`,
        list && html`<span>${Dot(list)}${list.name}</span>`,
        todo.description && html`<span>${icon('note', t('has_note'))}</span>`,
        ...todo.tags.map((tag) => html`<span class="meta-tag">@${tag}</span>`),
    ].filter(Boolean);
    return parts.length ? html`<div class="meta">${parts}</div>` : null;
}

function rowMenu(todo, canMove) {
    if (todo.deleted_at) {
        return [
            { label: t('restore'), icon: 'undo', run: () => restoreTodo(todo.id) },
            { label: t('remove_forever'), icon: 'trash', isDanger: true, run: () => removeTodo(todo.id) },
        ];
    }
    const lists = [{ id: null, name: t('inbox'), color: undefined }, ...store.lists.value];
    return [
        { label: t('open'), icon: 'list', keys: '↵', run: () => openTodo(todo.id) },
        !todo.completed && { label: t('due_today'), icon: 'today', run: () => setDay(todo.id, 0) },
        !todo.completed && { label: t('due_tomorrow'), icon: 'calendar', run: () => setDay(todo.id, 1) },
        todo.recurrence && { label: t('skip'), icon: 'repeat', run: () => skipTodo(todo.id) },
        { label: t('priority'), icon: 'flag', items: ['high', 'medium', 'low', 'none'].map((priority) => (
            { label: t(`priority_${priority}`), isChecked: todo.priority === priority, run: () => setPriority(todo.id, /** @type {any} */ (priority)) })) },
        canMove && { label: t('move_up'), icon: 'up', keys: 'Alt ↑', run: () => moveTodo(todo.id, 'up') },
        canMove && { label: t('move_down'), icon: 'down', keys: 'Alt ↓', run: () => moveTodo(todo.id, 'down') },
        canMove && { label: t('move_top'), icon: 'top', run: () => moveTodo(todo.id, 'top') },
        canMove && { label: t('move_bottom'), icon: 'bottom', run: () => moveTodo(todo.id, 'bottom') },
        { label: t('move_to_list'), icon: 'inbox', items: lists.map((list) => (
            { label: list.name, isChecked: list.id === todo.list_id, run: () => moveToList(todo.id, list.id) })) },
        { label: t('delete'), icon: 'trash', isDanger: true, run: () => trashTodo(todo.id) },
    ];
}

/**
 * Calls the components of a row as functions: a list has many rows, and a component costs more than what these draw.
 * What many rows would ask signals for are properties, so that a change draws only the rows that it concerns.
 * @param {{id: string, depth?: number, showList?: boolean, hideDay?: boolean, canMove?: boolean, isLeaving?: boolean, isOpen?: boolean, isFar?: boolean, steps?: {n: number, done: number}}} props
 */
export function Row({ id, depth = 0, showList = false, hideDay = false, canMove = false, isLeaving = false, isOpen = false, isFar = false, steps }) {
    const [menuAt, setMenuAt] = useState(/** @type {DOMRect | null} */ (null));
    const todo = store.todo(id).value;
    if (!todo) return null;
    const isTrash = Boolean(todo.deleted_at);
    const canDrag = canMove && !isTrash && !todo.completed;
    const state = `${todo.completed ? ' is-done' : ''}${isLeaving ? ' is-leaving' : ''}${isOpen ? ' is-open' : ''}${isTrash ? ' is-trash' : ''}${isFar ? ' is-far' : ''}`;
    const label = t('actions_of', { name: todo.name });
    return html`<li class=${`row${state}`} data-id=${id} style=${depth ? { '--depth': Math.min(depth, 4) } : undefined}>
        ${isTrash ? Icon({ name: 'trash' }) : Tick({ todo })}
        <button type="button" class="row-title" onClick=${() => openTodo(id)} aria-current=${isOpen ? 'true' : undefined}>
            <span class="row-name" dir="auto">${todo.name}</span>
        </button>
        ${Meta({ todo, showList, hideDay, steps })}
        ${todo.unsent && html`<span class="unsent-mark" role="img" title=${t('unsent')} aria-label=${t('unsent')}></span>`}
        <button type="button" class="icon-button handle" aria-label=${label} aria-haspopup="menu" aria-expanded=${String(Boolean(menuAt))} onClick=${(event) => setMenuAt(event.currentTarget.getBoundingClientRect())}
            onPointerDown=${canDrag ? (event) => startDrag(event, id, todos) : undefined}>${Icon({ name: canDrag ? 'grip' : 'more', size: 18 })}</button>
        ${menuAt && html`<${Menu} label=${label} items=${rowMenu(todo, canDrag)} anchor=${menuAt} onClose=${() => setMenuAt(null)} />`}
    </li>`;
}
