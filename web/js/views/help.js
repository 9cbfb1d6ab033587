// The overview of keyboard shortcuts.
import { html } from '../../vendor/ui.js';
import { Dialog } from './dialog.js';
import { t } from './i18n.js';
import { prefs } from './prefs.js';

const sections = [
    ['keys_global', [['q', 'a', 'key_add'], ['/', 'key_search'], ['u', 'kbd_undo', 'key_undo'], ['g', 'i t u d x', 'key_go'], ['Esc', 'key_close'], ['?', 'key_help']]],
    ['keys_list', [['j', '↓', 'key_next'], ['k', '↑', 'key_previous'], ['x', 'key_tick'], ['e', 'kbd_enter', 'key_open'], ['d', 'key_due'], ['1 2 3 4', 'key_priority'], ['Alt ↑', 'Alt ↓', 'key_move'], ['kbd_delete', 'key_delete']]],
];

/** @param {{onClose: () => void}} props */
export function Help({ onClose }) {
    const keys = (row) => row.slice(0, -1).map((key, index) => html`${index > 0 && html`<span class="or"> ${t(row[0] === 'g' ? 'key_then' : 'key_or')} </span>`}<kbd>${t(key)}</kbd>`);
    return html`<${Dialog} title=${t('help')} onClose=${onClose} kind="help">
        ${!prefs.value.shortcuts && html`<p class="view-note">${t('key_off')}</p>`}
        <div class="help-columns">${sections.map(([title, rows]) => html`<section key=${title}><h3>${t(/** @type {string} */ (title))}</h3>
            <dl>${/** @type {string[][]} */ (rows).map((row) => html`<div key=${row.at(-1)}><dt>${t(row.at(-1) ?? '')}</dt><dd>${keys(row)}</dd></div>`)}</dl></section>`)}
            <section><h3>${t('keys_text')}</h3><p class="help-quick">${t('quick_hint')}</p></section></div>
    <//>`;
}
