// Keyboard shortcuts. Single keys work where nothing is typed, and not while a dialog is open.
import { store } from '../store/store.js';
import { moveList, moveTodo, setPriority, toggle, trashTodo } from './acts.js';
import { prefs } from './prefs.js';
import { closeTodo, go, openDialog, openTodo, quickText, route, undoLast } from './ui.js';

const SEQUENCE_MILLISECONDS = 1_500;
let sequenceUntil = 0;

const isTyping = (element) => element instanceof HTMLElement
    && (element.isContentEditable || ['TEXTAREA', 'SELECT'].includes(element.tagName) || (element instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(element.type)));

const currentRow = () => /** @type {HTMLElement | null} */ (document.activeElement?.closest('main [data-id]') ?? null);

/** The list whose link has the focus. */
const currentList = () => /** @type {HTMLElement | null} */ (document.activeElement?.closest('.sidebar [data-id]') ?? null)?.dataset.id ?? '';

function moveFocus(step) {
    const titles = [...document.querySelectorAll('main [data-id] .row-title')];
    const row = currentRow();
    const at = row ? titles.indexOf(/** @type {Element} */ (row.querySelector('.row-title'))) : -1;
    const next = at < 0 ? titles[step > 0 ? 0 : titles.length - 1] : titles[at + step];
    if (next instanceof HTMLElement) next.focus();
}

const places = { i: 'inbox', t: 'today', u: 'upcoming', d: 'done', x: 'trash', s: 'settings' };

/** What a key does to the todo with the focus, or to the open one. */
function onTodo(key, id) {
    const todo = id ? store.todo(id).value : null;
    if (!todo) return false;
    const priority = { 1: 'high', 2: 'medium', 3: 'low', 4: 'none' }[key];
    if (key === 'Delete' && !todo.deleted_at) trashTodo(id);
    else if (!prefs.value.shortcuts) return false;
    else if (key === 'x') toggle(id);
    else if (key === 'e') openTodo(id);
    else if (key === 'd') openTodo(id, 'due');
    else if (priority) setPriority(id, /** @type {any} */ (priority));
    else return false;
    return true;
}

function onAnything(key) {
    if (key === 'q' || key === 'a') quickText.value = '';
    else if (key === '/') { go({ view: 'search' }); setTimeout(() => document.getElementById('search')?.focus(), 50); }
    else if (key === '?') openDialog('help');
    else if (key === 'u') undoLast();
    else if (key === 'j') moveFocus(1);
    else if (key === 'k') moveFocus(-1);
    else if (key === 'g') sequenceUntil = Date.now() + SEQUENCE_MILLISECONDS;
    else return false;
    return true;
}

function onKeyDown(event) {
    if (event.defaultPrevented || event.isComposing || !store.session.value || document.querySelector('dialog[open]')) return;
    const row = currentRow();
    const id = row?.dataset.id ?? null;
    if (handle(event, id)) event.preventDefault();
}

function handle(event, id) {
    const { key } = event;
    if (key === 'Escape' && route.value.todo) { closeTodo(); return true; }
    if (isTyping(event.target)) return false;
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && key.toLowerCase() === 'z') { undoLast(); return true; }
    if (event.altKey && id && ['ArrowUp', 'ArrowDown'].includes(key)) { moveTodo(id, key === 'ArrowUp' ? 'up' : 'down'); return true; }
    if (event.altKey && ['ArrowUp', 'ArrowDown'].includes(key) && currentList()) { moveList(currentList(), key === 'ArrowUp' ? 'up' : 'down'); return true; }
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (id && ['ArrowUp', 'ArrowDown'].includes(key)) { moveFocus(key === 'ArrowUp' ? -1 : 1); return true; }
    if (prefs.value.shortcuts && Date.now() < sequenceUntil) {
        sequenceUntil = 0;
        if (!(key in places)) return false;
        go({ view: places[key] });
        return true;
    }
    return onTodo(key, id ?? (isInEditor() ? route.value.todo : null)) || (prefs.value.shortcuts && onAnything(key));
}

const isInEditor = () => Boolean(document.activeElement?.closest('.editor'));

export function startKeys() {
    addEventListener('keydown', onKeyDown);
}
