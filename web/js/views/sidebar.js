// The navigation: the fixed views, lists and tags; below it the state of the connection and the account.
import { computed, html, useComputed } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { countsOf } from '../model/groups.js';
import { Dot } from './dialog.js';
import { lists, startDrag } from './drag.js';
import { Icon, Wordmark } from './icons.js';
import { t } from './i18n.js';
import { newList } from './list_menu.js';
import { clock, drawerOpen, openDialog, quickText, route, viewHash, zone } from './ui.js';

/** The link of the view. A search stays one while its query changes. */
const current = computed(() => `${route.value.view}/${route.value.view === 'search' ? '' : route.value.arg}`);

/** A list has a colour in place of an icon. @param {{view: string, arg?: string, icon?: string, color?: string | null, label: string, count?: number, isMovable?: boolean}} props */
function NavLink({ view, arg = '', icon = '', color = null, label, count = 0, isMovable = false }) {
    const isCurrent = current.value === `${view}/${arg}`;
    return html`<li data-id=${isMovable ? arg : undefined}><a class="nav-link" onPointerDown=${isMovable ? (event) => startDrag(event, arg, lists) : undefined} draggable=${!isMovable} href=${viewHash({ view, arg })} aria-current=${isCurrent ? 'page' : undefined} onClick=${() => { drawerOpen.value = false; }}>
        ${icon ? html`<${Icon} name=${icon} />` : html`<${Dot} color=${color} />`}<span class="nav-label" dir="auto">${label}</span>
        ${count > 0 && html`<span class="count"><span aria-hidden="true">${count}</span><span class="hidden">, ${t('open_count', { n: count })}</span></span>`}
    </a></li>`;
}

export function Sidebar() {
    const counts = useComputed(() => countsOf(store.all(), { zone: zone.value, now: clock.value })).value;
    const tags = [...counts.tags].sort(([a], [b]) => a.localeCompare(b));
    return html`<nav class="sidebar" id="navigation" aria-label=${t('navigation')}>
        <div class="brand"><a href="#/today" aria-label="todo"><${Wordmark} /></a>
            <button type="button" class="icon-button" aria-label=${t('add')} onClick=${() => { drawerOpen.value = false; quickText.value = ''; }}><${Icon} name="plus" /></button></div>
        <ul class="nav">
            <${NavLink} view="inbox" label=${t('inbox')} icon="inbox" count=${counts.lists.get(null)} />
            <${NavLink} view="today" label=${t('today')} icon="today" count=${counts.today} />
            <${NavLink} view="upcoming" label=${t('upcoming')} icon="upcoming" />
            <${NavLink} view="search" label=${t('search')} icon="search" />
        </ul>
        <div class="nav-head"><h2>${t('lists')}</h2><button type="button" class="icon-button small" aria-label=${t('new_list')} onClick=${newList}><${Icon} name="plus" size=${16} /></button></div>
        <ul class="nav">${store.lists.value.map((list) => html`<${NavLink} key=${list.id} view="list" isMovable arg=${list.id} label=${list.name} color=${list.color} count=${counts.lists.get(list.id)} />`)}</ul>
        ${tags.length > 0 && html`<div class="nav-head"><h2>${t('tags')}</h2></div>
            <ul class="nav">${tags.map(([tag, count]) => html`<${NavLink} key=${tag} view="tag" arg=${tag} label=${tag} icon="tag" count=${count} />`)}</ul>`}
        <ul class="nav nav-last">
            <${NavLink} view="done" label=${t('done')} icon="done" />
            <${NavLink} view="trash" label=${t('trash')} icon="trash" />
            <${NavLink} view="settings" label=${t('settings')} icon="settings" />
        </ul>
        <${Connection} />
        <button type="button" class="nav-link nav-help" onClick=${() => openDialog('help')}><${Icon} name="keyboard" /><span class="nav-label">${t('help')}</span><kbd aria-hidden="true">?</kbd></button>
    </nav>`;
}

/** What has not reached the server. Shows nothing while everything is there. @param {{isShort?: boolean}} props */
export function Connection({ isShort = false }) {
    const { connected, unsent, complete } = store.status.value;
    const rejected = store.rejected.value.length;
    const isOffline = !connected && complete;
    return html`<div class="connection">
        ${rejected > 0 && html`<a class="badge bad" href="#/not-saved"><${Icon} name="alert" size=${16} />${isShort ? html`<span aria-hidden="true">${rejected}</span><span class="hidden">${t('not_saved_count', { n: rejected })}</span>` : t('not_saved_count', { n: rejected })}</a>`}
        ${isOffline && html`<span class="badge" title=${t('offline_text')}><${Icon} name="offline" size=${16} />${t('offline')}${unsent > 0 ? ` · ${isShort ? unsent : t('unsent_count', { n: unsent })}` : ''}</span>`}
        ${!isOffline && unsent > 0 && html`<span class="badge is-late"><${Icon} name="refresh" size=${16} />${isShort ? html`<span aria-hidden="true">${unsent}</span><span class="hidden">${t('unsent_count', { n: unsent })}</span>` : t('unsent_count', { n: unsent })}</span>`}
    </div>`;
}
