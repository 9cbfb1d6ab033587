// The parts of the settings that change the account itself.
import { html, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { Field, problemText } from './dialog.js';
import { t } from './i18n.js';
import { withPassword } from './questions.js';
import { Section } from './section.js';
import { openDialog, showToast } from './ui.js';

const account = () => /** @type {any} */ (store).account;

export function Password() {
    const [fields, setFields] = useState({ current: '', next: '', tokens: false });
    const [problem, setProblem] = useState(/** @type {any} */ (null));
    const problemOf = (name) => problem?.errors?.find((error) => error.pointer === `/${name}`)?.detail ?? '';
    const rest = problem && !problemOf('current_password') && !problemOf('new_password') ? problemText(problem) : '';
    const change = async (event) => {
        event.preventDefault();
        setProblem(null);
        try {
            await account().changePassword(fields.current, fields.next, fields.tokens);
            setFields({ current: '', next: '', tokens: false });
            showToast(t('password_changed'));
        } catch (error) { setProblem(error ?? {}); }
    };
    const set = (name) => (event) => setFields({ ...fields, [name]: event.target.value });
    const { user } = /** @type {any} */ (store.session.value);
    return html`<${Section} title=${t('change_password')}><form onSubmit=${change}>
        <input class="hidden" type="text" name="username" autocomplete="username" value=${user.username} readonly tabindex="-1" aria-hidden="true" />
        ${rest && html`<p class="problem" role="alert">${rest}</p>`}
        <${Field} label=${t('current_password')} problem=${problemOf('current_password')}>${(props) => html`<input ...${props} type="password" autocomplete="current-password" required value=${fields.current} onInput=${set('current')} />`}<//>
        <${Field} label=${t('new_password')} hint=${t('password_hint')} problem=${problemOf('new_password')}>${(props) => html`<input ...${props} type="password" autocomplete="new-password" required value=${fields.next} onInput=${set('next')} />`}<//>
        <label class="check-field"><input type="checkbox" checked=${fields.tokens} onChange=${(event) => setFields({ ...fields, tokens: event.target.checked })} /><span>${t('end_tokens_too')}</span></label>
        <button class="button">${t('change_password')}</button>
    </form><//>`;
}

export function DeleteAccount() {
    const [problem, setProblem] = useState('');
    const remove = async () => {
        try { await withPassword(openDialog, (password) => account().deleteAccount(password)); }
        catch (error) { setProblem(problemText(error)); }
    };
    const ask = () => openDialog('confirm', { title: t('danger'), text: t('delete_account_text'), action: t('delete_account'), isDanger: true, confirm: remove });
    return html`<${Section} title=${t('danger')}><p>${t('delete_account_text')}</p>
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        <button type="button" class="button danger-quiet" onClick=${ask}>${t('delete_account')}</button><//>`;
}
