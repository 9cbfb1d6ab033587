// The frame of the client: navigation, main column, details, dialogs, messages.
import { computed, html, useEffect, useErrorBoundary } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { Dialog } from './dialog.js';
import { Loading, Starting } from './empty.js';
import { Icon, Wordmark } from './icons.js';
import { language, t } from './i18n.js';
import { Lazy } from './lazy.js';
import { currentTitle, ListView } from './list.js';
import { useMedia } from './media.js';
import { QuickAdd } from './quickadd.js';
import { SearchBox } from './searchbox.js';
import { Connection, Sidebar } from './sidebar.js';
import { SignIn } from './signin.js';
import { announce, announcement, closeDialog, dialog, drawerOpen, holdToast, quickText, route, toast, undoLast } from './ui.js';

// The frame is drawn together with the first todos, because drawing both one after the other takes longer.
const isStarting = computed(() => store.session.value === 'unknown' || Boolean(store.session.value && !store.status.value.ready));

export function App() {
    const [failure] = useErrorBoundary((error) => console.error(error));
    const session = store.session.value;
    useEffect(() => { document.documentElement.lang = language.value; }, [language.value]);
    if (failure) return html`<main class="sign-in"><div class="sign-card"><${Wordmark} /><h1>${t('error_unknown')}</h1><button type="button" class="button primary" onClick=${() => location.reload()}>${t('reload')}</button></div></main>`;
    if (isStarting.value) return html`<${Starting} />`;
    return html`
        ${session ? html`<${Shell} />` : html`<${SignIn} />`}
        <${Dialogs} />
        <${Toast} />
        <div class="hidden" role="status" aria-live="polite" id="live">${announcement.value}</div>`;
}

function Shell() {
    const { view, arg, todo } = route.value;
    const isWide = useMedia('(min-width: 48rem)');
    useEffect(() => {
        if (view === '' || view === 'register') location.replace('#/today');
        if (view === 'add') { quickText.value = ''; location.replace('#/inbox'); }
        if (view === 'todo' && todo && store.todo(todo).value) openInList(todo);
    }, [view, todo]);
    const title = `${view === 'settings' || view === 'not-saved' ? t(view.replace('-', '_')) : currentTitle()} · ${t('app')}`;
    useEffect(() => { document.title = title; }, [title]);
    // A new page begins at its top, and screen readers say its name, because the browser does not see a new page.
    useEffect(() => {
        scrollTo(0, 0);
        if (view !== 'search' && view) announce(document.title);
    }, [view, view === 'search' ? '' : arg]);
    return html`<div class=${`shell ${todo ? 'has-editor' : ''}`}>
        <a class="skip-link" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>${t('skip_to_list')}</a>
        ${isWide ? html`<${Sidebar} />` : html`<${TopBar} />`}
        <main id="main" tabindex="-1" aria-label=${t('main')}>
            <${Notice} />
            <div class="column">${page(view, arg)}</div>
        </main>
        ${todo && html`<${Lazy} name="Editor" key=${todo} id=${todo} />`}
        ${!isWide && html`<${TabBar} />`}
    </div>`;
}

function openInList(id) {
    const { list_id } = store.todo(id).value;
    location.replace(list_id ? `#/list/${list_id}/todo/${id}` : `#/inbox/todo/${id}`);
}

function page(view, arg) {
    if (view === 'settings') return html`<${Lazy} name="Settings" />`;
    if (view === 'not-saved') return html`<${Lazy} name="NotSaved" />`;
    if (view === '' || view === 'todo' || view === 'add') return html`<${Loading} />`;
    return html`${view === 'search' && html`<${SearchBox} query=${arg} />`}<${ListView} view=${view} arg=${arg} />`;
}

function TopBar() {
    return html`<header class="top-bar">
        <button type="button" class="icon-button" aria-label=${t('menu')} aria-expanded=${String(drawerOpen.value)} onClick=${() => { drawerOpen.value = true; }}><${Icon} name="menu" /></button>
        <a class="top-brand" href="#/today" aria-label="todo"><${Wordmark} /></a><${Connection} isShort />
        <a class="icon-button" href="#/search" aria-label=${t('search')}><${Icon} name="search" /></a>
        ${drawerOpen.value && html`<${Dialog} title=${t('menu')} hasHeading=${false} kind="drawer" onClose=${() => { drawerOpen.value = false; }}><${Sidebar} /><//>`}
    </header>`;
}

function TabBar() {
    const tab = (view, icon) => html`<a href=${`#/${view}`} aria-current=${route.value.view === view ? 'page' : undefined}><${Icon} name=${icon} size=${22} /><span>${t(view)}</span></a>`;
    return html`<nav class="tab-bar" aria-label=${t('navigation')}>${tab('inbox', 'inbox')}${tab('today', 'today')}
        <button type="button" class="fab" aria-label=${t('add')} onClick=${() => { quickText.value = ''; }}><${Icon} name="plus" size=${26} /></button>
        ${tab('upcoming', 'upcoming')}${tab('done', 'done')}</nav>`;
}

function Notice() {
    const { notice } = store.status.value;
    const action = {
        new_version: html`<button type="button" class="button primary" onClick=${() => /** @type {any} */ (store).reloadForNewVersion()}>${t('reload')}</button>`,
        sign_in_at_proxy: html`<a class="button primary" href="./?network">${t('sign_in_there')}</a>`,
    }[notice ?? ''];
    const dismiss = /** @type {any} */ (store).dismissNotice;
    if (!notice) return null;
    return html`<div class="notice" role="status"><p>${t(notice)}</p>${action ?? (dismiss && html`<button type="button" class="button" onClick=${() => dismiss()}>${t('got_it')}</button>`)}</div>`;
}

function Dialogs() {
    const shown = dialog.value;
    return html`
        ${quickText.value !== null && store.session.value && html`<${QuickAdd} />`}
        ${shown?.name === 'help' && html`<${Lazy} name="Help" onClose=${closeDialog} />`}
        ${shown?.name === 'confirm' && html`<${Lazy} ...${shown} name="Confirm" onClose=${closeDialog} />`}
        ${shown?.name === 'ask' && html`<${Lazy} ...${shown} name="Ask" onClose=${closeDialog} />`}
        ${shown?.name === 'text' && html`<${Dialog} title=${shown.title} onClose=${closeDialog}><textarea class="copy-text" readonly rows="8" aria-label=${shown.title}>${shown.text}</textarea><//>`}`;
}

function Toast() {
    const shown = toast.value;
    const hold = () => holdToast(true), release = () => holdToast(false);
    // The region is always there, so that screen readers notice what comes into it.
    return html`<div role="status" class="toast-region">${shown && html`<div class="toast" key=${shown.key} onMouseEnter=${hold} onMouseLeave=${release} onFocusIn=${hold} onFocusOut=${release}>
        <span dir="auto">${shown.text}</span>${shown.undo && html`<button type="button" class="toast-button" onClick=${undoLast}>${t('undo')}<kbd aria-hidden="true">u</kbd></button>`}
        <button type="button" class="toast-close" aria-label=${t('close')} onClick=${() => { toast.value = null; }}><${Icon} name="close" size=${16} /></button></div>`}</div>`;
}

