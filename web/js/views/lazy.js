// Components that are loaded when they are shown for the first time.
import { html, signal } from '../../vendor/ui.js';
import { t } from './i18n.js';
import { showToast } from './ui.js';

const more = signal(/** @type {Record<string, any> | null} */ (null));
let isLoading = false;

async function load() {
    isLoading = true;
    try { more.value = await import('./more.js'); }
    // Offline before the service worker was ready, or a new version has replaced the files.
    catch { showToast(t('error_network')); }
    isLoading = false;
}

/** @param {{name: 'Editor' | 'Help' | 'NotSaved' | 'Settings', [prop: string]: any}} props */
export function Lazy({ name, ...props }) {
    const Component = more.value?.[name];
    if (!Component && !isLoading) load();
    return Component ? html`<${Component} ...${props} />` : null;
}
