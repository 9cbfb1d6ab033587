// Signing in and registering.
import { html, useEffect, useState } from '../../vendor/ui.js';
import { zoneOfBrowser } from '../model/due.js';
import { store } from '../store/store.js';
import { Field, problemText } from './dialog.js';
import { Wordmark } from './icons.js';
import { t } from './i18n.js';
import { route } from './ui.js';

export function SignIn() {
    const [isNew, setNew] = useState(route.value.view === 'register');
    const [fields, setFields] = useState({ username: '', password: '', email: '', newPassword: '' });
    const [problem, setProblem] = useState(/** @type {any} */ (null));
    const [isBusy, setBusy] = useState(false);
    const mustChange = problem?.code === 'password_change_required' || Boolean(fields.newPassword);
    const input = (name) => ({ name, value: fields[name], required: name !== 'email', onInput: (event) => setFields({ ...fields, [name]: event.target.value }) });
    const problemOf = (name) => problem?.errors?.find((error) => error.pointer === `/${name}`)?.detail ?? '';
    const rest = problem && problem.code !== 'password_change_required' && !['username', 'password', 'email', 'new_password'].some(problemOf) ? problemText(problem) : '';
    useEffect(() => { document.title = `${t(isNew ? 'register' : 'sign_in')} · ${t('app')}`; }, [isNew]);
    const submit = async (event) => {
        event.preventDefault();
        setBusy(true);
        setProblem(null);
        const { username, password, email, newPassword } = fields;
        try {
            if (isNew) await store.register({ username, password, ...(email ? { email } : {}) });
            else await /** @type {any} */ (store.signIn)(username, password, newPassword || undefined);
            if (isNew) await setBrowserZone();
        } catch (error) {
            setProblem(error ?? {});
        } finally {
            setBusy(false);
        }
    };
    return html`<main class="sign-in" id="main">
        <div class="sign-card">
            <${Wordmark} />
            <p class="tagline">${t('tagline')}</p>
            <h1>${t(isNew ? 'create_account' : 'sign_in')}</h1>
            ${/** @type {any} */ (store).waiting.value.map(({ name, n }) => html`<p class="view-note" key=${name}>${t('waiting', { name, n })}</p>`)}
            <form onSubmit=${submit}>
                ${rest && html`<p class="problem" role="alert">${rest}</p>`}
                ${mustChange && html`<p class="view-note" role="status">${t('new_password_needed')}</p>`}
                <${Field} label=${t('username')} problem=${problemOf('username')}>${(props) => html`<input ...${props} ...${input('username')} autocomplete="username" autocapitalize="none" spellcheck="false" autofocus />`}<//>
                <${Field} label=${t('password')} problem=${problemOf('password')} hint=${isNew ? t('password_hint') : ''}>${(props) => html`<input ...${props} ...${input('password')} type="password" autocomplete=${isNew ? 'new-password' : 'current-password'} />`}<//>
                ${mustChange && html`<${Field} label=${t('new_password')} problem=${problemOf('new_password')} hint=${t('password_hint')}>${(props) => html`<input ...${props} ...${input('newPassword')} type="password" autocomplete="new-password" />`}<//>`}
                ${isNew && html`<${Field} label=${t('email')} problem=${problemOf('email')}>${(props) => html`<input ...${props} ...${input('email')} type="email" autocomplete="email" />`}<//>`}
                <button class="button primary wide" disabled=${isBusy}>${t(isBusy ? 'signing_in' : isNew ? 'create_account' : 'sign_in')}</button>
            </form>
            <p class="switch">${t(isNew ? 'have_account' : 'new_here')} <button type="button" class="text-button" onClick=${() => { setNew(!isNew); setProblem(null); }}>${t(isNew ? 'sign_in' : 'create_account')}</button></p>
        </div>
    </main>`;
}

/** A new account gets the zone of the browser. If this fails, the settings offer it. */
async function setBrowserZone() {
    const time_zone = zoneOfBrowser();
    try { await /** @type {any} */ (store).account.patch({ time_zone }); } catch { /* see above */ }
}
