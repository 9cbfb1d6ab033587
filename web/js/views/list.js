// The main column: the heading of a view and its todos.
import { html, useEffect, useMemo, useRef, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { addDays, formatDay, todayIn } from '../model/due.js';
import { completedIn, doneGroups, lastCompleted, listGroups, stepsOf, tagGroups, todayGroups, trashGroups, upcomingGroups } from '../model/groups.js';
import { searchTodos } from '../model/search.js';
import { allToToday, dayName } from './acts.js';
import { MenuButton } from './dialog.js';
import { Empty, Examples, Loading } from './empty.js';
import { Icon } from './icons.js';
import { locale, t } from './i18n.js';
import { listMenu, tagMenu } from './list_menu.js';
import { Row } from './row.js';
import { clock, kept, quickText, route, zone } from './ui.js';

// A screen full is painted first, and the rest of a page follows in steps, so that a key or a click in between does not wait.
// Of what is found, a few rows that were not there before come first, because the next letter follows soon.
const HEAD_PIXELS = 110;
const ROW_PIXELS = 64;
const FIRST_FOUND = 5;
const STEP = 15;
const STEP_MILLISECONDS = 10;
const PAGE = 75;
// Of those that were completed before.
const DONE_MAX = 100;

/** The groups of the view at an address; `null` for an unknown one. */
function groupsOf(view, arg, todos, lists, moment) {
    switch (view) {
        case 'inbox': return listGroups(todos, null, moment);
        case 'list': return lists.some((list) => list.id === arg) ? listGroups(todos, arg, moment) : null;
        case 'today': return todayGroups(todos, moment);
        case 'upcoming': return upcomingGroups(todos, moment);
        case 'tag': return tagGroups(todos, arg, moment);
        case 'done': return doneGroups(todos, moment);
        case 'trash': return trashGroups(todos);
        case 'search': return [{ key: 'found', kind: /** @type {const} */ ('plain'), rows: searchTodos(todos, arg) }];
        default: return null;
    }
}

function headingOf(group) {
    if (group.kind === 'overdue') return t('overdue');
    if (group.kind === 'today') return t('today');
    if (group.kind === 'month') return formatDay(group.date, locale.value, { month: 'long', year: 'numeric' });
    if (group.kind === 'plain') return '';
    const name = dayName(group.date);
    const today = todayIn(zone.value, clock.value);
    const year = group.date.slice(0, 4) === today.slice(0, 4) ? undefined : /** @type {const} */ ('numeric');
    const weekday = formatDay(group.date, locale.value, { weekday: 'long', day: 'numeric', month: 'long', year });
    if (group.kind === 'completed') return group.date < addDays(today, -1) ? weekday : name;
    return group.date === addDays(today, 1) ? `${name} · ${weekday}` : weekday;
}

/** Draws more rows in steps, then when the end of a page comes into sight, and all of them for a printer. */
function useWindow(key, groups, total) {
    const screen = Math.ceil((innerHeight - HEAD_PIXELS) / ROW_PIXELS);
    const [state, setState] = useState({ key: '', size: 0 });
    const drawn = useRef(/** @type {Set<any>} */ (new Set()));
    const end = useRef(/** @type {HTMLElement | null} */ (null));
    const found = groups?.[0]?.key === 'found' ? groups[0].rows : [];
    let left = FIRST_FOUND;
    const first = found.findIndex((todo) => !drawn.current.has(todo) && (left -= 1) < 0);
    const size = state.key === key ? state.size : first < 0 ? screen : Math.min(first, screen);
    const draw = (n) => setState({ key, size: n });
    const more = () => draw(size + PAGE);
    useEffect(() => {
        drawn.current = new Set(found.slice(0, size));
        if (!end.current || size >= total) return undefined;
        if (size < PAGE) {
            const timer = setTimeout(() => draw(size < screen ? screen : size + STEP), STEP_MILLISECONDS);
            return () => clearTimeout(timer);
        }
        const observer = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) more(); }, { rootMargin: '600px' });
        observer.observe(end.current);
        return () => observer.disconnect();
    }, [key, size, total]);
    useEffect(() => {
        const all = () => draw(Infinity);
        addEventListener('beforeprint', all);
        return () => removeEventListener('beforeprint', all);
    }, [key]);
    return { size, screen, end, more };
}

function titleOf({ view, arg }) {
    if (view === 'list') return store.lists.value.find((list) => list.id === arg)?.name ?? t('not_found');
    if (view === 'tag') return `@${arg}`;
    if (view === 'search') return arg ? `“${arg}”` : t('search');
    return t(view);
}

/** @param {{view: string, arg: string}} props */
export function ListView({ view, arg }) {
    const [todos, lists] = [store.all(), store.lists.value];
    const moment = { zone: zone.value, now: clock.value, kept: kept.value };
    const groups = useMemo(() => groupsOf(view, arg, todos, lists, moment), [view, arg, todos, lists, ...Object.values(moment)]);
    const steps = stepsOf(todos);
    const open = route.value.todo;
    const total = groups?.reduce((sum, group) => sum + group.rows.length, 0) ?? 0;
    const { size, screen, end, more } = useWindow(`${view}/${arg}`, groups, total);
    const { complete } = store.status.value;
    if (!groups && !complete) return html`<${Loading} />`;
    if (!groups) return html`<${Empty} level="h1" icon="search" title=${t('not_found')} text=${t('not_found_text')}><a class="button" href="#/inbox">${t('to_inbox')}</a><//>`;
    let [left, near] = [size, screen];
    const isGrouped = !['inbox', 'list', 'tag'].includes(view);
    const canMove = ['inbox', 'list'].includes(view);
    return html`
        <${Heading} view=${view} arg=${arg} total=${total} />
        ${view === 'trash' && total > 0 && html`<p class="view-note">${t('trash_note')}</p>`}
        ${groups.map((group) => {
            const rows = group.rows.slice(0, Math.max(0, left));
            const far = near;
            left -= group.rows.length;
            near -= group.rows.length;
            if (!rows.length) return null;
            const heading = headingOf(group);
            return html`<section class="group" key=${group.key} aria-label=${heading || titleOf({ view, arg })}>
                ${heading && html`<header class="group-head"><h2>${heading}</h2>
                    ${group.kind === 'overdue' && html`<button type="button" class="text-button" onClick=${() => allToToday(group.rows.map((row) => row.id))}>${t('all_to_today')}</button>`}</header>`}
                <ul class="rows">${rows.map(({ id, depth }, index) => html`<${Row} key=${id} id=${id} depth=${depth} showList=${isGrouped || view === 'tag'} hideDay=${['day', 'today'].includes(group.kind)}
                    canMove=${canMove} isLeaving=${kept.value.has(id)} isOpen=${id === open} isFar=${index >= far} steps=${steps.get(id)} />`)}</ul>
            </section>`;
        })}
        ${total > size && html`<p class="center" ref=${end}><button type="button" class="button" onClick=${more}>${t('show_more')}</button></p>`}
        ${!total && (complete ? html`<${EmptyView} view=${view} arg=${arg} />` : html`<${Loading} />`)}
        ${['inbox', 'list', 'today', 'tag', 'upcoming'].includes(view) && html`<button type="button" class="add-row" onClick=${() => { quickText.value = ''; }}><${Icon} name="plus" />${t('add')}<kbd aria-hidden="true">q</kbd></button>`}
        ${['inbox', 'list'].includes(view) && html`<${Completed} key=${arg} listId=${view === 'inbox' ? null : arg} steps=${steps} />`}`;
}

function Heading({ view, arg, total }) {
    const subtitle = view === 'today' ? formatDay(todayIn(zone.value, clock.value), locale.value, { weekday: 'long', day: 'numeric', month: 'long' })
        : view === 'search' && arg ? t('results', { n: total }) : '';
    const list = view === 'list' ? store.lists.value.find((one) => one.id === arg) : null;
    const items = view === 'list' ? () => listMenu(list) : view === 'tag' ? () => tagMenu(arg) : view === 'trash' && total ? () => listMenu(null) : null;
    return html`<header class="view-head">
        <h1 tabindex="-1"><bdi>${titleOf({ view, arg })}</bdi></h1>
        ${subtitle && html`<p>${subtitle}</p>`}
        ${items && html`<${MenuButton} label=${view === 'tag' ? t('more') : t('list_actions')} items=${items}><${Icon} name="more" /><//>`}
    </header>`;
}

function EmptyView({ view, arg }) {
    if (view === 'search' && !arg) return html`<${Empty} icon="search" title=${t('search_placeholder')} text=${t('empty_search_text')} />`;
    const icon = view === 'list' ? 'list' : view;
    const empty = html`<${Empty} icon=${icon} title=${t(`empty_${view}`)} text=${t(`empty_${view}_text`, { tag: arg })} />`;
    return ['inbox', 'today'].includes(view) ? html`<${Examples}>${empty}<//>` : empty;
}

function Completed({ listId, steps }) {
    const [isOpen, setOpen] = useState(false);
    const todos = completedIn(store.all(), listId).filter(({ id }) => !kept.value.has(id));
    if (!todos.length) return null;
    return html`<section class="completed" aria-label=${t('done')}>
        <button type="button" class="text-button" aria-expanded=${String(isOpen)} onClick=${() => setOpen(!isOpen)}>${isOpen ? t('hide_done') : t('show_done', { n: todos.length })}</button>
        ${isOpen && html`<ul class="rows">${lastCompleted(todos, DONE_MAX).map(({ id }) => html`<${Row} key=${id} id=${id} isOpen=${id === route.value.todo} isFar steps=${steps.get(id)} />`)}</ul>`}
    </section>`;
}

export const currentTitle = () => titleOf(route.value);
