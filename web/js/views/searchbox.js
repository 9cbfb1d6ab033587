// The field of the search. The address follows what is typed, so that a search can be bookmarked.
import { html, useEffect, useRef, useState } from '../../vendor/ui.js';
import { Icon } from './icons.js';
import { t } from './i18n.js';
import { route, viewHash } from './ui.js';

const PAUSE_MILLISECONDS = 200;
let timer = 0;

/** When typing pauses, because this takes a browser as long as the search, and Safari allows it 100 times in 30 s. */
function keepAddress() {
    const { view, todo } = route.value;
    if (view === 'search' && !todo && location.hash !== viewHash(route.value)) history.replaceState(null, '', viewHash(route.value));
}

/** @param {{query: string}} props */
export function SearchBox({ query }) {
    const [text, setText] = useState(query);
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    useEffect(() => { input.current?.focus(); }, []);
    useEffect(() => { if (query !== text.trim()) setText(query); }, [query]);
    const onInput = (event) => {
        setText(event.target.value);
        route.value = { view: 'search', arg: event.target.value.trim(), todo: null };
        clearTimeout(timer);
        timer = window.setTimeout(keepAddress, PAUSE_MILLISECONDS);
    };
    const onKeyDown = (event) => {
        if (event.key !== 'ArrowDown') return;
        const first = document.querySelector('main [data-id] .row-title');
        if (first instanceof HTMLElement) { event.preventDefault(); first.focus(); }
    };
    return html`<form role="search" class="search-box" onSubmit=${(event) => event.preventDefault()}><${Icon} name="search" />
        <input ref=${input} id="search" type="search" value=${text} placeholder=${t('search_placeholder')} aria-label=${t('search_placeholder')} autocomplete="off" onInput=${onInput} onBlur=${keepAddress} onKeyDown=${onKeyDown} /></form>`;
}
