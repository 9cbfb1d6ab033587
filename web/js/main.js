// The entry of the client: starts the store, then draws.
import { html, render } from '../vendor/ui.js';
import { store } from './store/store.js';
import { App } from './views/app.js';
import { loadLanguage } from './views/i18n.js';
import { startKeys } from './views/keys.js';
import { loadEarly } from './views/lazy.js';
import { applyTheme } from './views/prefs.js';
import { quickText, startRouting } from './views/ui.js';

/** What another app shares becomes the text of a new todo. */
function takeShared() {
    const shared = new URLSearchParams(location.search);
    const [title, text, url] = ['title', 'text', 'url'].map((name) => shared.get(name)?.trim() ?? '');
    if (!title && !text && !url) return;
    const note = [title ? text : '', url].filter(Boolean).join(' ');
    quickText.value = `${(title || text || url).replace(/\s+/g, ' ')}${note ? ` // ${note.replace(/\s+/g, ' ')}` : ''}`;
    history.replaceState(null, '', './#/inbox');
}

/** Browsers draw an icon on the thread of the page. */
function showIcon() {
    const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel=icon]'));
    icon.href = icon.dataset.later ?? icon.href;
}

takeShared();
applyTheme();
startRouting();
startKeys();
loadEarly();
// The texts come before the first paint, so that the language does not flash.
loadLanguage().then(() => render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app'))));
/** @type {any} */ (store).start?.();
store.afterOpening(showIcon);
