// Components that are loaded when they are shown for the first time.
import { html, signal } from '../../vendor/ui.js';
import { addTexts, t } from './i18n.js';
import { showToast } from './ui.js';

const more = signal(/** @type {Record<string, any> | null} */ (null));
let isLoading = false;
const EARLY_MILLISECONDS = 3_000;

async function load() {
    if (isLoading || more.value) return;
    isLoading = true;
    try {
        const loaded = await import('./more.js');
        addTexts('en', loaded.englishMore);
        more.value = loaded;
    }
    // Offline before the service worker was ready, or a new version has replaced the files.
    catch { showToast(t('error_network')); }
    isLoading = false;
}

/** What reads quick add. Until it is there, everything that is typed is the name. */
export const quickParser = signal(/** @type {typeof import('../model/quick.js').parseQuick | null} */ (null));

export async function loadQuickParser() {
    if (quickParser.value) return;
    try { quickParser.value = (await import('../model/quick.js')).parseQuick; }
    catch { showToast(t('error_network')); }
}

/** Without a service worker, nothing else would keep these parts for the time without a network. */
export function loadEarly() {
    if (!('serviceWorker' in navigator)) setTimeout(() => { load(); loadQuickParser(); }, EARLY_MILLISECONDS);
}

/** @param {{name: 'Ask' | 'Confirm' | 'Editor' | 'Help' | 'NotSaved' | 'Settings', [prop: string]: any}} props */
export function Lazy({ name, ...props }) {
    const Component = more.value?.[name];
    if (!Component) load();
    return Component ? html`<${Component} ...${props} />` : null;
}
