// The details of one todo. Every change is kept at once; text is kept while it is typed.
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { byPosition } from '../model/order.js';
import { formatDay, localAt } from '../model/due.js';
import { moveToList, removeTodo, restoreTodo, setPriority, trashTodo } from './acts.js';
import { Dialog } from './dialog.js';
import { DueFields } from './editor_due.js';
import { RepeatFields } from './editor_repeat.js';
import { Icon } from './icons.js';
import { locale, t } from './i18n.js';
import { closeTodo, focusField, openTodo, showToast, zone } from './ui.js';
import { Tick } from './row.js';
import { useMedia } from './media.js';

const SAVE_AFTER_MILLISECONDS = 400;

/** A text field that is saved shortly after the last key, and at once when it loses the focus or the page is left. */
export function useDraft(stored, save) {
    const [text, setText] = useState(stored);
    const state = useRef({ stored, pending: /** @type {string | null} */ (null), timer: 0, save });
    state.current.save = save;
    const flush = () => {
        const { pending } = state.current;
        clearTimeout(state.current.timer);
        state.current.pending = null;
        if (pending !== null) state.current.save(pending);
    };
    useEffect(() => {
        // A change from another device shows, unless this field is being edited.
        if (state.current.pending === null) setText(stored);
    }, [stored]);
    useEffect(() => {
        const onHide = () => flush();
        document.addEventListener('visibilitychange', onHide);
        addEventListener('pagehide', onHide);
        return () => {
            document.removeEventListener('visibilitychange', onHide);
            removeEventListener('pagehide', onHide);
            flush();
        };
    }, []);
    const onInput = (event) => {
        setText(event.target.value);
        state.current.pending = event.target.value;
        clearTimeout(state.current.timer);
        state.current.timer = window.setTimeout(flush, SAVE_AFTER_MILLISECONDS);
    };
    return { value: text, onInput, onBlur: flush, setText };
}

/** @param {{id: string}} props */
export function Editor({ id }) {
    const isPanel = useMedia('(min-width: 70rem)');
    const todo = store.todo(id).value;
    const body = todo ? html`<${Body} key=${id} todo=${todo} />` : html`<p class="editor-missing">${t('not_found')}</p>`;
    if (!isPanel) return html`<${Dialog} title=${t('details')} onClose=${closeTodo} kind="sheet">${body}<//>`;
    return html`<aside class="editor" aria-label=${t('details')}>
        <header class="dialog-head"><h2>${t('details')}</h2><button type="button" class="icon-button" aria-label=${t('close')} onClick=${closeTodo}><${Icon} name="close" /></button></header>
        ${body}
    </aside>`;
}

/** @param {{todo: import('../store/types.js').ShownTodo}} props */
function Body({ todo }) {
    const form = useRef(/** @type {HTMLElement | null} */ (null));
    useLayoutEffect(() => {
        const field = focusField.value ?? 'name';
        focusField.value = null;
        // On touch screens the keyboard would cover the details.
        if (field === 'name' && matchMedia('(pointer: coarse)').matches) return;
        const target = form.current?.querySelector(`[name="${field}"]`);
        if (target instanceof HTMLElement) target.focus();
    }, []);
    const parent = todo.parent_id ? store.todo(todo.parent_id).value : null;
    if (todo.deleted_at) return html`<${TrashedBody} todo=${todo} />`;
    return html`<div class="editor-body" ref=${form}>
        ${parent && html`<button type="button" class="text-button parent-link" onClick=${() => openTodo(parent.id)}><${Icon} name="back" size=${16} />${parent.name}</button>`}
        <${NameField} todo=${todo} />
        <${NoteField} todo=${todo} />
        <${DueFields} todo=${todo} />
        <${RepeatFields} todo=${todo} />
        <${PriorityField} todo=${todo} />
        <${ListField} todo=${todo} />
        <${TagsField} todo=${todo} />
        <${Subtasks} todo=${todo} />
        <footer class="editor-foot"><p>${todo.completed_at ? t('completed_at', { date: dateTime(todo.completed_at) }) : t('created_at', { date: dateTime(todo.created_at) })}</p>
            <button type="button" class="button danger-quiet" onClick=${() => { closeTodo(); trashTodo(todo.id); }}><${Icon} name="trash" size=${18} />${t('delete')}</button></footer>
    </div>`;
}

function TrashedBody({ todo }) {
    return html`<div class="editor-body"><h3 class="trashed-name">${todo.name}</h3>${todo.description && html`<p class="trashed-note">${todo.description}</p>`}
        <div class="buttons"><button type="button" class="button primary" onClick=${() => { closeTodo(); restoreTodo(todo.id); }}>${t('restore')}</button>
        <button type="button" class="button danger-quiet" onClick=${() => { closeTodo(); removeTodo(todo.id); }}>${t('remove_forever')}</button></div></div>`;
}

export const dateTime = (iso) => {
    const local = localAt(Date.parse(iso), zone.value);
    return formatDay(local.slice(0, 10), locale.value, { day: 'numeric', month: 'short', year: 'numeric' });
};

/** Grows with its text where the browser has no `field-sizing`. */
function useAutoHeight(value) {
    const ref = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
    useLayoutEffect(() => {
        const element = ref.current;
        if (!element || CSS.supports('field-sizing', 'content')) return;
        element.style.height = 'auto';
        element.style.height = `${element.scrollHeight}px`;
    }, [value]);
    return ref;
}

function NameField({ todo }) {
    const [isEmpty, setEmpty] = useState(false);
    const { setText, ...draft } = useDraft(todo.name, (name) => {
        const text = name.replace(/\s+/g, ' ').trim();
        setEmpty(!text);
        if (text) store.patch(todo.id, { name: text });
    });
    const ref = useAutoHeight(draft.value);
    const onKeyDown = (event) => { if (event.key === 'Enter') { event.preventDefault(); event.target.blur(); } };
    const onBlur = () => { draft.onBlur(); if (isEmpty) { setText(todo.name); setEmpty(false); } };
    return html`<div class="name-field"><${Tick} todo=${todo} />
        <textarea ref=${ref} name="name" rows="1" maxlength="500" aria-label=${t('name')} dir="auto" ...${draft} onBlur=${onBlur} onKeyDown=${onKeyDown} aria-invalid=${isEmpty ? 'true' : undefined}></textarea></div>
        ${isEmpty && html`<p class="problem" role="alert">${t('name_needed')}</p>`}`;
}

function NoteField({ todo }) {
    const { setText: _, ...draft } = useDraft(todo.description, (description) => store.patch(todo.id, { description }));
    const ref = useAutoHeight(draft.value);
    return html`<textarea ref=${ref} class="note-field" name="note" rows="2" maxlength="16384" aria-label=${t('note')} placeholder=${t('note_placeholder')} dir="auto" ...${draft}></textarea>`;
}

function PriorityField({ todo }) {
    const id = useId();
    return html`<div class="editor-row" role="radiogroup" aria-labelledby=${id}><span class="row-label" id=${id}><${Icon} name="flag" />${t('priority')}</span><div class="segments">
        ${/** @type {const} */ (['none', 'low', 'medium', 'high']).map((priority) => html`<label key=${priority}><input type="radio" name="priority" checked=${todo.priority === priority} onChange=${() => setPriority(todo.id, priority)} /><span>${t(`priority_${priority}`)}</span></label>`)}
    </div></div>`;
}

function ListField({ todo }) {
    return html`<label class="editor-row"><span class="row-label"><${Icon} name="inbox" />${t('list')}</span>
        <select name="list" value=${todo.list_id ?? ''} onChange=${(event) => moveToList(todo.id, event.target.value || null)}>
            <option value="">${t('inbox')}</option>
            ${store.lists.value.map((list) => html`<option key=${list.id} value=${list.id}>${list.name}</option>`)}
        </select></label>`;
}

function TagsField({ todo }) {
    const [text, setText] = useState('');
    const known = [...new Set(store.all().flatMap((one) => one.tags))].filter((tag) => !todo.tags.includes(tag)).sort();
    const add = (event) => {
        event?.preventDefault();
        const tag = text.trim().replace(/^@/, '').slice(0, 64);
        setText('');
        if (tag && !todo.tags.some((one) => one.toLowerCase() === tag.toLowerCase())) store.patch(todo.id, { tags: [...todo.tags, tag] });
    };
    return html`<div class="editor-row tags-row"><span class="row-label"><${Icon} name="tag" />${t('tags')}</span><div>
        ${todo.tags.length > 0 && html`<ul class="chips">${todo.tags.map((tag) => html`<li class="chip" key=${tag}><span>${tag}</span>
            <button type="button" aria-label=${t('remove_tag', { tag })} onClick=${() => store.patch(todo.id, { tags: todo.tags.filter((one) => one !== tag) })}><${Icon} name="close" size=${14} /></button></li>`)}</ul>`}
        <form onSubmit=${add}><input name="tag" list="known-tags" value=${text} placeholder=${t('add_tag')} aria-label=${t('add_tag')} autocomplete="off" maxlength="65" onInput=${(event) => setText(event.target.value)} onBlur=${() => add(null)} /></form>
        <datalist id="known-tags">${known.slice(0, 50).map((tag) => html`<option value=${tag} key=${tag}></option>`)}</datalist>
    </div></div>`;
}

function Subtasks({ todo }) {
    const [text, setText] = useState('');
    const children = store.all().filter((one) => one.parent_id === todo.id && one.deleted_at === null).sort(byPosition);
    const add = (event) => {
        event.preventDefault();
        if (!text.trim()) return;
        store.add({ name: text.trim().slice(0, 500), parent_id: todo.id, list_id: todo.list_id });
        setText('');
        showToast(t('added', { name: text.trim() }), { undo: true });
    };
    return html`<section class="subtasks" aria-label=${t('subtasks')}><h3><${Icon} name="steps" />${t('subtasks')}</h3>
        <ul>${children.map((child) => html`<li key=${child.id} class=${child.completed ? 'is-done' : ''}><${Tick} todo=${child} /><button type="button" class="subtask-name" dir="auto" onClick=${() => openTodo(child.id)}>${child.name}</button></li>`)}</ul>
        <form onSubmit=${add}><${Icon} name="plus" size=${18} /><input name="subtask" value=${text} placeholder=${t('add_subtask')} aria-label=${t('add_subtask')} autocomplete="off" maxlength="500" onInput=${(event) => setText(event.target.value)} /></form>
    </section>`;
}

