// What a view shows when it has nothing to show.
import { html, useEffect, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { Icon } from './icons.js';
import { t } from './i18n.js';
import { prefs, setPrefs } from './prefs.js';

const LATE_MILLISECONDS = 5_000;

/** @param {{icon: string, title: string, text: string, level?: string, children?: any}} props */
export function Empty({ icon, title, text, level = 'h2', children }) {
    return html`<div class="empty"><div class="empty-icon"><${Icon} name=${icon} size=${28} /></div><${level} class="empty-title">${title}<//><p>${text}</p>${children}</div>`;
}

export function Loading() {
    const [isLate, setLate] = useState(false);
    useEffect(() => { const timer = setTimeout(() => setLate(true), LATE_MILLISECONDS); return () => clearTimeout(timer); }, []);
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
