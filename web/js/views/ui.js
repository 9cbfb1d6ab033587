// What the client shows at the moment: the address, open dialogs, the toast, the clock.
import { computed, signal } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { locale, t } from './i18n.js';
import { prefs } from './prefs.js';
import { weekStartOf, zoneOfBrowser } from '../model/due.js';

const TOAST_MILLISECONDS = 7_000;
const LINGER_MILLISECONDS = 450;

/** @typedef {{view: string, arg: string, todo: string | null}} Route */

/** @returns {Route} */
function parseHash(hash) {
    const parts = hash.replace(/^#\/?/, '').split('/').map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
    const at = parts.indexOf('todo');
    const todo = at >= 0 ? parts[at + 1] ?? null : null;
    const [view = '', arg = ''] = at >= 0 ? parts.slice(0, at) : parts;
    return { view: view || (todo ? 'todo' : ''), arg, todo };
}

export const route = signal(parseHash(location.hash));
export const clock = signal(Date.now());
export const quickText = signal(/** @type {string | null} */ (null));
export const dialog = signal(/** @type {any} */ (null));
export const drawerOpen = signal(false);
export const toast = signal(/** @type {{text: string, undo: boolean, key: number} | null} */ (null));
export const announcement = signal('');
/** Todos that were just completed and stay for a moment. */
export const kept = signal(/** @type {Set<string>} */ (new Set()));
export const focusField = signal(/** @type {string | null} */ (null));

export const zone = computed(() => /** @type {any} */ (store.session.value)?.user?.time_zone || zoneOfBrowser());
export const weekStart = computed(() => (prefs.value.weekStart === 'auto' ? weekStartOf(locale.value) : Number(prefs.value.weekStart)));

export const viewHash = ({ view, arg }) => `#/${view}${arg ? `/${encodeURIComponent(arg)}` : ''}`;

/** @param {{view: string, arg?: string}} to */
export function go(to) {
    location.hash = viewHash({ arg: '', ...to });
}

/** @param {string} id @param {string | null} [field] the field of the editor that gets the focus */
export function openTodo(id, field = null) {
    focusField.value = field;
    const { view, arg } = route.value;
    const back = view === 'todo' || !view ? '' : viewHash({ view, arg }).slice(2);
    location.hash = `#/${back}${back ? '/' : ''}todo/${id}`;
}

export function closeTodo() {
    const { view, arg, todo } = route.value;
    if (!todo) return;
    const list = store.todo(todo).value?.list_id;
    location.hash = view === 'todo' ? (list ? `#/list/${list}` : '#/inbox') : viewHash({ view, arg });
    focusRow(todo);
}

export function startRouting() {
    addEventListener('hashchange', () => { route.value = parseHash(location.hash); drawerOpen.value = false; });
    const tick = () => { clock.value = Date.now(); };
    setInterval(tick, 30_000);
    document.addEventListener('visibilitychange', tick);
}

/** Puts the focus on the row of a todo after the next paint. */
export function focusRow(id) {
    if (!id) return;
    requestAnimationFrame(() => requestAnimationFrame(() => {
        const row = document.querySelector(`main [data-id="${CSS.escape(id)}"] .row-title`);
        if (row instanceof HTMLElement) row.focus();
    }));
}

/** Puts the focus on a list of the navigation after the next paint. */
export function focusList(id) {
    requestAnimationFrame(() => requestAnimationFrame(() => {
        const link = document.querySelector(`.sidebar [data-id="${CSS.escape(id)}"] a`);
        if (link instanceof HTMLElement) link.focus();
    }));
}

/** The row after this one, or before it, so that the focus survives the row. */
export function neighbourOf(id) {
    const rows = [...document.querySelectorAll('main [data-id]')].map((row) => /** @type {HTMLElement} */ (row).dataset.id);
    const at = rows.indexOf(id);
    return at < 0 ? null : rows[at + 1] ?? rows[at - 1] ?? null;
}

export function announce(text) {
    // The same text twice is announced twice.
    announcement.value = announcement.value === text ? `${text}\u00a0` : text;
}

let toastTimer = 0, toastKey = 0;

/** @param {string} text @param {{undo?: boolean}} [options] */
export function showToast(text, { undo = false } = {}) {
    toast.value = { text, undo, key: ++toastKey };
    holdToast(false);
}

/** A toast under the pointer or with the focus stays. */
export function holdToast(isHeld) {
    clearTimeout(toastTimer);
    if (!isHeld) toastTimer = window.setTimeout(() => { toast.value = null; }, TOAST_MILLISECONDS);
}

export function undoLast() {
    toast.value = null;
    const what = store.undo();
    if (what) announce(t('undone'));
    else showToast(t('nothing_to_undo'));
}

export function linger(id) {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    kept.value = new Set([...kept.value, id]);
    setTimeout(() => { kept.value = new Set([...kept.value].filter((other) => other !== id)); }, LINGER_MILLISECONDS);
}

export const openDialog = (name, props = {}) => { dialog.value = { name, ...props }; };
export const closeDialog = () => { dialog.value = null; };
