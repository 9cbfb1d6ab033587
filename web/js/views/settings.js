// The settings of this browser and of the account.
import { html, useState } from '../../vendor/ui.js';
import { zoneOfBrowser } from '../model/due.js';
import { weekdayCodes, weekdayName } from '../model/recurrence.js';
import { store } from '../store/store.js';
import { Field, problemText } from './dialog.js';
import { languages, loadLanguage, locale, t } from './i18n.js';
import { prefs, setPrefs } from './prefs.js';
import { Section } from './section.js';
import { DeleteAccount, Password } from './settings_account.js';
import { Sessions, Tokens, useTokens } from './settings_access.js';
import { Calendars } from './settings_calendar.js';
import { Export, Import } from './settings_transfer.js';
import { announce, openDialog, zone } from './ui.js';

const account = () => /** @type {any} */ (store).account;

export function Settings() {
    const tokens = useTokens();
    return html`<div class="settings">
        <header class="view-head"><h1 tabindex="-1">${t('settings')}</h1></header>
        <${Account} />
        <${Appearance} />
        <${Region} />
        <${Shortcuts} />
        <${Password} />
        <${Sessions} />
        <${Calendars} tokens=${tokens} />
        <${Tokens} tokens=${tokens} />
        <${Import} />
        <${Export} />
        <${DeleteAccount} />
    </div>`;
}

function Account() {
    const { user } = /** @type {any} */ (store.session.value);
    const unsent = store.status.value.unsent + store.rejected.value.length;
    const leave = () => {
        if (!unsent) return store.signOut();
        return openDialog('confirm', { title: t('sign_out'), text: t('sign_out_unsent', { n: unsent }), action: t('sign_out_anyway'), isDanger: true, confirm: () => store.signOut() });
    };
    return html`<${Section} title=${t('account')}>
        <p>${t('signed_in_as', { name: user.username })}</p>
        <div class="buttons start"><button type="button" class="button" onClick=${leave}>${t('sign_out')}</button>
        ${user.roles?.includes('admin') && html`<a class="button" href="admin">${t('admin_pages')}</a>`}</div>
    <//>`;
}

function Appearance() {
    return html`<${Section} title=${t('appearance')}><fieldset class="segments-field"><legend>${t('theme')}</legend><div class="segments">
        ${['system', 'light', 'dark'].map((theme) => html`<label key=${theme}><input type="radio" name="theme" checked=${prefs.value.theme === theme} onChange=${() => setPrefs({ theme })} /><span>${t(`theme_${theme}`)}</span></label>`)}
    </div></fieldset><//>`;
}

function Region() {
    const [problem, setProblem] = useState('');
    const browserZone = zoneOfBrowser();
    const zones = [...new Set([zone.value, browserZone, .../** @type {any} */ (Intl).supportedValuesOf('timeZone')])];
    const setZone = async (time_zone) => {
        setProblem('');
        try { await account().patch({ time_zone }); announce(t('saved')); }
        catch (error) { setProblem(problemText(error)); }
    };
    return html`<${Section} title=${t('region')}>
        <${Field} label=${t('language')}>${(props) => html`<select ...${props} value=${prefs.value.language} onChange=${(event) => { setPrefs({ language: event.target.value }); loadLanguage(); }}>
            <option value="auto">${t('language_auto')}</option>${Object.entries(languages).map(([code, name]) => html`<option key=${code} value=${code} lang=${code}>${name}</option>`)}</select>`}<//>
        <${Field} label=${t('week_start')}>${(props) => html`<select ...${props} value=${String(prefs.value.weekStart)} onChange=${(event) => setPrefs({ weekStart: event.target.value })}>
            <option value="auto">${t('week_auto')}</option>${[0, 5, 6].map((day) => html`<option key=${day} value=${String(day)}>${weekdayName(weekdayCodes[day], locale.value)}</option>`)}</select>`}<//>
        <${Field} label=${t('time_zone')} problem=${problem}>${(props) => html`<select ...${props} value=${zone.value} onChange=${(event) => setZone(event.target.value)}>
            ${zones.map((name) => html`<option key=${name} value=${name}>${name.replace(/_/g, ' ')}</option>`)}</select>`}<//>
        ${browserZone !== zone.value && html`<button type="button" class="text-button" onClick=${() => setZone(browserZone)}>${t('use_this_zone', { zone: browserZone.replace(/_/g, ' ') })}</button>`}
    <//>`;
}

function Shortcuts() {
    return html`<${Section} title=${t('help')}>
        <label class="switch-field"><input type="checkbox" role="switch" checked=${prefs.value.shortcuts} onChange=${(event) => setPrefs({ shortcuts: event.target.checked })} /><span>${t('shortcuts')}</span></label>
        <p class="hint">${t('shortcuts_text')}</p>
        <button type="button" class="text-button" onClick=${() => openDialog('help')}>${t('shortcuts_show')}</button>
    <//>`;
}
