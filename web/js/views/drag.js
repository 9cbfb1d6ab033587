// Moving a todo by its handle, with a mouse, a pen or a finger, and a list by its link, with a mouse or a pen, because a finger
// scrolls there. A press without movement opens the menu of the handle, or the list.
import { store } from '../store/store.js';
import { announce, focusList, focusRow } from './ui.js';
import { t } from './i18n.js';

const THRESHOLD = 6;
const EDGE = 56;

/**
 * @typedef {{siblings: (row: HTMLElement) => HTMLElement[], move: (id: string, place: any) => void, nameOf: (id: string) => string,
 *     focus: (id: string) => void, byFinger: boolean}} Movable
 */

/** @type {Movable} */
export const todos = {
    siblings: (row) => {
        const todo = store.todo(row.dataset.id ?? '').value;
        return elementsOf(row).filter((element) => {
            const other = store.todo(element.dataset.id ?? '').value;
            return other && other.parent_id === todo?.parent_id && !other.completed;
        });
    },
    move: store.move,
    nameOf: (id) => store.todo(id).value?.name ?? '',
    focus: focusRow,
    byFinger: true,
};

/** @type {Movable} */
export const lists = {
    siblings: elementsOf,
    move: store.moveList,
    nameOf: (id) => store.lists.value.find((list) => list.id === id)?.name ?? '',
    focus: focusList,
    byFinger: false,
};

/** @param {HTMLElement} row @returns {HTMLElement[]} */
function elementsOf(row) {
    return /** @type {HTMLElement[]} */ ([.../** @type {HTMLElement} */ (row.parentElement).children]);
}

/** Where a pointer is pressed on a handle. @param {PointerEvent} event @param {string} id @param {Movable} kind */
export function startDrag(event, id, kind) {
    if (event.button !== 0 || !event.isPrimary || (event.pointerType === 'touch' && !kind.byFinger)) return;
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    const row = /** @type {HTMLElement} */ (handle.closest('li'));
    const drag = { id, kind, row, startY: event.clientY, isMoving: false, target: /** @type {any} */ (null) };
    const move = (moved) => onMove(drag, moved);
    const end = (ended) => {
        removeEventListener('pointermove', move);
        removeEventListener('pointerup', end);
        removeEventListener('pointercancel', end);
        if (drag.isMoving) finish(drag, handle, ended.type === 'pointerup');
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
}

function onMove(drag, event) {
    if (!drag.isMoving && Math.abs(event.clientY - drag.startY) < THRESHOLD) return;
    if (!drag.isMoving) {
        drag.isMoving = true;
        drag.row.classList.add('is-dragged');
        document.documentElement.classList.add('is-dragging');
    }
    event.preventDefault();
    if (event.clientY < EDGE) scrollBy(0, -12);
    if (event.clientY > innerHeight - EDGE) scrollBy(0, 12);
    drag.row.style.setProperty('--drag', `${event.clientY - drag.startY}px`);
    const others = drag.kind.siblings(drag.row).filter((element) => element !== drag.row);
    const after = others.filter((element) => { const { top, height } = element.getBoundingClientRect(); return event.clientY > top + height / 2; }).at(-1);
    const before = after ? null : others[0];
    clearMarks();
    (after ?? before)?.classList.add(after ? 'drop-after' : 'drop-before');
    drag.target = after ? { after: /** @type {HTMLElement} */ (after).dataset.id } : before ? { before: /** @type {HTMLElement} */ (before).dataset.id } : null;
}

const clearMarks = () => document.querySelectorAll('.drop-after, .drop-before').forEach((element) => element.classList.remove('drop-after', 'drop-before'));

function finish(drag, handle, isDropped) {
    clearMarks();
    drag.row.classList.remove('is-dragged');
    drag.row.style.removeProperty('--drag');
    document.documentElement.classList.remove('is-dragging');
    // The release is not a press of the button.
    const ignore = (event) => { event.stopImmediatePropagation(); event.preventDefault(); };
    handle.addEventListener('click', ignore, { capture: true });
    setTimeout(() => handle.removeEventListener('click', ignore, { capture: true }));
    if (!isDropped || !drag.target) return;
    const { kind } = drag;
    const order = kind.siblings(drag.row).map((element) => element.dataset.id);
    const from = order.indexOf(drag.id);
    if (order[from + 1] === drag.target.before || order[from - 1] === drag.target.after) return;
    kind.move(drag.id, drag.target);
    const rest = order.filter((id) => id !== drag.id);
    const at = drag.target.before ? 1 : rest.indexOf(drag.target.after) + 2;
    announce(t('moved', { name: kind.nameOf(drag.id), at, n: order.length }));
    kind.focus(drag.id);
}
