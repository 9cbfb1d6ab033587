// What the service rejected: both versions, and what can be done. Nothing leaves this list without a decision.
import { html } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { problemText } from './dialog.js';
import { Empty } from './empty.js';
import { Icon } from './icons.js';
import { t } from './i18n.js';
import { copy } from './settings_access.js';

function shown(fields) {
    return Object.entries(fields ?? {}).map(([name, value]) => html`<li key=${name}><strong>${name}</strong> <span dir="auto">${typeof value === 'string' ? value : JSON.stringify(value)}</span></li>`);
}

const plain = (one) => [one.name, ...Object.entries(one.mine ?? {}).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)].join('\n');

export function NotSaved() {
    const face = /** @type {any} */ (store);
    const items = store.rejected.value;
    return html`<header class="view-head"><h1 tabindex="-1">${t('not_saved')}</h1></header>
        ${items.length === 0 ? html`<${Empty} icon="done" title=${t('not_saved_empty')} text="" />` : html`<p class="view-note">${t('not_saved_text')}</p>`}
        <ul class="rejected">${items.map((one) => html`<li key=${one.id}><h2 dir="auto">${one.name}</h2>
            <p class="problem"><${Icon} name="alert" size=${18} />${problemText(one.problem)}</p>
            <div class="versions"><div><h3>${t('yours')}</h3><ul>${shown(one.mine)}</ul></div><div><h3>${t('on_the_server')}</h3>${one.theirs ? html`<ul>${shown(one.theirs)}</ul>` : html`<p>${t('not_there')}</p>`}</div></div>
            <div class="buttons start"><button type="button" class="button primary" onClick=${() => face.retry(one.id)}>${t('try_again')}</button>
                <button type="button" class="button" onClick=${() => copy(face.copyText?.(one.id) ?? plain(one))}>${t('copy_text')}</button>
                <button type="button" class="button danger-quiet" onClick=${() => face.dismiss(one.id)}>${t('let_go')}</button></div></li>`)}</ul>`;
}
