// Moving a todo by its handle, with a mouse, a pen or a finger. A press without movement opens the menu of the handle.
import { store } from '../store/store.js';
import { announce, focusRow } from './ui.js';
import { t } from './i18n.js';

const THRESHOLD = 6;
const EDGE = 56;

/** @param {HTMLElement} handle @param {string} id @returns {() => void} */
export function startDrag(handle, id) {
    const begin = (event) => {
        if (event.button !== 0 || !event.isPrimary) return;
        const row = /** @type {HTMLElement} */ (handle.closest('li'));
        const drag = { id, row, startY: event.clientY, isMoving: false, target: /** @type {any} */ (null) };
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
    };
    handle.addEventListener('pointerdown', begin);
    return () => handle.removeEventListener('pointerdown', begin);
}

function siblings(drag) {
    const todo = store.todo(drag.id).value;
    return [.../** @type {HTMLElement} */ (drag.row.parentElement).children].filter((element) => {
        const other = store.todo(/** @type {HTMLElement} */ (element).dataset.id ?? '').value;
        return other && other.parent_id === todo.parent_id && !other.completed;
    });
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
    const others = siblings(drag).filter((element) => element !== drag.row);
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
    handle.addEventListener('click', (event) => { event.stopPropagation(); event.preventDefault(); }, { capture: true, once: true });
    setTimeout(() => handle.dispatchEvent(new Event('click')));
    if (!isDropped || !drag.target) return;
    const order = siblings(drag).map((element) => /** @type {HTMLElement} */ (element).dataset.id);
    const from = order.indexOf(drag.id);
    if (order[from + 1] === drag.target.before || order[from - 1] === drag.target.after) return;
    store.move(drag.id, drag.target);
    const { name } = store.todo(drag.id).value;
    const rest = order.filter((id) => id !== drag.id);
    const at = drag.target.before ? 1 : rest.indexOf(drag.target.after) + 2;
    announce(t('moved', { name, at, n: order.length }));
    focusRow(drag.id);
}
