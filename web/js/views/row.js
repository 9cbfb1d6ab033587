// One todo in a list.
import { html, useEffect, useRef } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { formatTime, isLate, localDue } from '../model/due.js';
import { ruleText } from '../model/recurrence.js';
import { dayName, isKept, moveToList, moveTodo, removeTodo, restoreTodo, setDay, setPriority, skipTodo, toggle, trashTodo } from './acts.js';
import { Dot, MenuButton } from './dialog.js';
import { startDrag, todos } from './drag.js';
import { Icon } from './icons.js';
import { locale, t } from './i18n.js';
import { clock, openTodo, route, zone } from './ui.js';

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
    const parts = [
        due && (!hideDay || time || due.isOverdue) && html`<span class=${due.isOverdue ? 'meta-due late' : 'meta-due'}><${Icon} name="calendar" size=${14} />
            ${due.isOverdue && html`<span class="hidden">${t('overdue')}: </span>`}${hideDay && time ? formatTime(time, locale.value) : due.text}</span>`,
        todo.recurrence && html`<span><${Icon} name="repeat" size=${14} />${ruleText(todo.recurrence.rule, locale.value, t)}</span>`,
        todo.priority !== 'none' && html`<span class=${`meta-priority ${todo.priority}`}><${Icon} name="flag" size=${14} />${t(`priority_${todo.priority}`)}</span>`,
        steps && html`<span title=${t('steps_done', steps)}><${Icon} name="steps" size=${14} /><span aria-hidden="true">${steps.done}/${steps.n}</span><span class="hidden">${t('steps_done', steps)}</span></span>`,
        parent && html`<span><${Icon} name="subtask" size=${14} /><span class="hidden">${t('subtask_of', { name: '' })}</span>${parent.name}</span>`,
        list && html`<span><${Dot} color=${list.color} />${list.name}</span>`,
        todo.description && html`<span><${Icon} name="note" size=${14} /><span class="hidden">${t('has_note')}</span></span>`,
        ...todo.tags.map((tag) => html`<span class="meta-tag">@${tag}</span>`),
    ].filter(Boolean);
    return parts.length ? html`<div class="meta">${parts}</div>` : null;
}

function rowMenu(todo) {
    if (todo.deleted_at) {
        return [
            { label: t('restore'), icon: 'undo', run: () => restoreTodo(todo.id) },
            { label: t('remove_forever'), icon: 'trash', isDanger: true, run: () => removeTodo(todo.id) },
        ];
    }
    const lists = [{ id: null, name: t('inbox'), color: undefined }, ...store.lists.value];
    const canMove = ['inbox', 'list'].includes(route.value.view) && !todo.completed;
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

/** @param {{id: string, depth?: number, showList?: boolean, hideDay?: boolean, steps?: {n: number, done: number}}} props */
export function Row({ id, depth = 0, showList = false, hideDay = false, steps }) {
    const todo = store.todo(id).value;
    const handle = useRef(/** @type {HTMLElement | null} */ (null));
    const canDrag = Boolean(todo) && ['inbox', 'list'].includes(route.value.view) && !todo?.deleted_at && !todo?.completed;
    useEffect(() => (canDrag && handle.current ? startDrag(handle.current, id, todos) : undefined), [canDrag, id]);
    if (!todo) return null;
    const isTrash = Boolean(todo.deleted_at);
    const state = [todo.completed && 'is-done', isKept(id) && 'is-leaving', route.value.todo === id && 'is-open', isTrash && 'is-trash'].filter(Boolean).join(' ');
    return html`<li class=${`row ${state}`} data-id=${id} style=${depth ? { '--depth': Math.min(depth, 4) } : undefined}>
        ${isTrash ? html`<${Icon} name="trash" />` : html`<${Tick} todo=${todo} />`}
        <button type="button" class="row-title" onClick=${() => openTodo(id)} aria-current=${route.value.todo === id ? 'true' : undefined}>
            <span class="row-name" dir="auto">${todo.name}</span>
        </button>
        <${Meta} todo=${todo} showList=${showList} hideDay=${hideDay} steps=${steps} />
        ${todo.unsent && html`<span class="unsent-mark" title=${t('unsent')}><span class="hidden">${t('unsent')}</span></span>`}
        <span class="row-handle" ref=${handle}>
            <${MenuButton} label=${t('actions_of', { name: todo.name })} className="icon-button handle" items=${() => rowMenu(todo)}><${Icon} name=${canDrag ? 'grip' : 'more'} size=${18} /><//>
        </span>
    </li>`;
}

