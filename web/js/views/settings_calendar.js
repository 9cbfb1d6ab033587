// What to enter in calendar and reminder apps, in the settings.
import { html, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { Field, problemText } from './dialog.js';
import { Icon } from './icons.js';
import { t } from './i18n.js';
import { withPassword } from './questions.js';
import { Section } from './section.js';
import { copy, NewSecret } from './settings_access.js';
import { openDialog } from './ui.js';

/** The names of the apps, and whether they find the lists on their own from the name of the host or from the start page. */
const apps = /** @type {Record<string, {name: string, finds?: 'host' | 'page'}>} */ ({
    ios: { name: 'iPhone, iPad', finds: 'host' }, mac: { name: 'Mac', finds: 'host' },
    davx5: { name: 'Android: DAVx⁵', finds: 'page' }, tasks: { name: 'Android: Tasks.org' }, thunderbird: { name: 'Thunderbird', finds: 'page' },
    evolution: { name: 'Evolution, Endeavour' }, planify: { name: 'Planify' }, errands: { name: 'Errands' },
});
const appOf = (system) => (/iPhone|iPad/.test(system) ? 'ios' : /Android/.test(system) ? 'davx5' : /Mac/.test(system) ? 'mac' : 'thunderbird');

/** Below a path, an app finds nothing by the name of the host (RFC 6764 §6). */
function addressFor(finds) {
    const page = new URL('./', location.href);
    if (page.pathname !== '/' || !finds) return new URL('dav/', page).href;
    return finds === 'host' ? page.host : page.origin;
}

/** @param {{tokens: {load: () => Promise<void>}}} props */
export function Calendars({ tokens }) {
    const [id, setId] = useState(appOf(navigator.userAgent));
    const [created, setCreated] = useState('');
    const [problem, setProblem] = useState('');
    const { user } = /** @type {any} */ (store.session.value);
    const { name, finds } = apps[id] ?? { name: t('app_other') };
    const create = async () => {
        const fields = { name, scopes: ['caldav'], expires_at: null };
        setProblem('');
        try {
            setCreated((await withPassword(openDialog, (password) => /** @type {any} */ (store).account.createToken(fields, password))).token);
            await tokens.load();
        } catch (error) { setProblem(problemText(error)); }
    };
    const choose = (event) => { setId(event.target.value); setCreated(''); };
    return html`<${Section} title=${t('calendars')}><p class="hint">${t('calendars_text')}</p>
        ${!isSecureContext && html`<p class="problem">${t('calendars_https')}</p>`}
        <${Field} label=${t('app_name')}>${(props) => html`<select ...${props} value=${id} onChange=${choose}>
            ${Object.entries(apps).map(([code, app]) => html`<option key=${code} value=${code}>${app.name}</option>`)}<option value="other">${t('app_other')}</option></select>`}<//>
        <p>${t(apps[id] ? `app_${id}` : 'app_other_steps')}</p>
        <ul class="records">
            <${Entry} label=${t(finds === 'host' ? 'app_server' : 'app_address')} value=${addressFor(finds)} />
            <${Entry} label=${t('username')} value=${user.username} />
            <li><span><small>${t('password')}</small>${t('app_password')}</span>
                ${!created && html`<button type="button" class="button" onClick=${create}>${t('app_create')}</button>`}</li>
        </ul>
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        ${created && html`<${NewSecret} text=${created} />`}
    <//>`;
}

function Entry({ label, value }) {
    return html`<li><span><small>${label}</small><strong>${value}</strong></span>
        <button type="button" class="icon-button" aria-label=${t('app_copy', { name: label })} onClick=${() => copy(value)}><${Icon} name="copy" size=${18} /></button></li>`;
}
