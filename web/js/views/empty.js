// What a view shows when it has nothing to show.
import { html, useEffect, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { Icon, Wordmark } from './icons.js';
import { t } from './i18n.js';
import { prefs, setPrefs } from './prefs.js';

const START_MILLISECONDS = 1_000;
const LATE_MILLISECONDS = 5_000;

/** Whether so much time has passed since the component was drawn for the first time. @param {number} milliseconds */
function useLate(milliseconds) {
    const [isLate, setLate] = useState(false);
    useEffect(() => { const timer = setTimeout(() => setLate(true), milliseconds); return () => clearTimeout(timer); }, []);
    return isLate;
}

/** The page before anything is known. It stays empty for a moment, because drawing the wordmark would delay the first todos. */
export function Starting() {
    const isLate = useLate(START_MILLISECONDS);
    return isLate && html`<div class="starting"><${Wordmark} /><span class="hidden" role="status">${t('loading')}</span></div>`;
}

/** @param {{icon: string, title: string, text: string, level?: string, children?: any}} props */
export function Empty({ icon, title, text, level = 'h2', children }) {
    return html`<div class="empty"><div class="empty-icon"><${Icon} name=${icon} size=${28} /></div><${level} class="empty-title">${title}<//><p>${text}</p>${children}</div>`;
}

export function Loading() {
    const isLate = useLate(LATE_MILLISECONDS);
    return html`<div class="loading" role="status"><span class="hidden">${t('loading')}</span>${[1, 2, 3, 4].map((n) => html`<span class="bone" key=${n}></span>`)}
        ${isLate && !store.status.value.connected && html`<p>${t('error_network')}</p>`}</div>`;
}

/** Examples for the first run, otherwise `children`. They are no todos, so nothing has to be cleaned up on other devices. */
export function Examples({ children }) {
    const isFirstRun = prefs.value.examples && store.ids.value.length === 0 && store.status.value.complete;
    const remove = () => setPrefs({ examples: false });
    useEffect(() => {
        if (!isFirstRun) return undefined;
        const onKey = (event) => { if (event.key === 'Delete' && !document.querySelector('dialog[open]')) remove(); };
        addEventListener('keydown', onKey);
        return () => removeEventListener('keydown', onKey);
    }, [isFirstRun]);
    if (!isFirstRun) return children;
    return html`<section class="examples" aria-label=${t('welcome')}>
        <h2>${t('welcome')}</h2><p>${t('examples_text')}</p>
        <ul>${[1, 2, 3].map((n) => html`<li key=${n}><span class="example-tick" aria-hidden="true"></span>${t(`example_${n}`)}</li>`)}</ul>
        <button type="button" class="text-button" onClick=${remove}>${t('examples_remove')}<kbd aria-hidden="true">${t('kbd_delete')}</kbd></button>
    </section>`;
}
