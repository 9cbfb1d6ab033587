// Sessions and personal access tokens in the settings.
import { html, useEffect, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { Field, problemText } from './dialog.js';
import { dateTime } from './editor.js';
import { Icon } from './icons.js';
import { t } from './i18n.js';
import { withPassword } from './questions.js';
import { Section } from './section.js';
import { announce, openDialog, showToast } from './ui.js';

const DAY = 86_400_000;
const account = () => /** @type {any} */ (store).account;

/** Reads something of the account, again after each change. */
function useAccount(read) {
    const [state, setState] = useState({ items: /** @type {any[] | null} */ (null), problem: '' });
    const load = async () => {
        try { setState({ items: await read(), problem: '' }); }
        catch (error) { setState((before) => ({ ...before, problem: problemText(error) })); }
    };
    const run = async (change) => {
        try { await withPassword(openDialog, change); await load(); }
        catch (error) { setState((before) => ({ ...before, problem: problemText(error) })); }
    };
    useEffect(() => { load(); }, []);
    return { ...state, load, run };
}

export function Sessions() {
    const { items, problem, run } = useAccount(() => account().sessions());
    const nameOf = (session) => session.device || t('unknown_device');
    return html`<${Section} title=${t('sessions')}>
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        ${!items && !problem && html`<p role="status">${t('loading')}</p>`}
        <ul class="records">${items?.map((session) => html`<li key=${session.id}>
            <span><strong>${nameOf(session)}</strong>${session.current && html`<span class="tagged">${t('this_session')}</span>`}<small>${session.ip ?? ''} · ${t('last_used', { date: dateTime(session.last_used_at) })}</small></span>
            ${!session.current && html`<button type="button" class="button" aria-label=${t('end_session_of', { name: nameOf(session) })} onClick=${() => run(() => account().endSession(session.id))}>${t('end_session')}</button>`}
        </li>`)}</ul>
        ${(items?.length ?? 0) > 1 && html`<button type="button" class="button" onClick=${() => run(async () => { await account().endOthers(); showToast(t('sessions_ended')); })}>${t('end_others')}</button>`}
    <//>`;
}

export const useTokens = () => useAccount(() => account().tokens());

/** @param {{tokens: ReturnType<typeof useTokens>}} props */
export function Tokens({ tokens: { items, problem, run } }) {
    const [created, setCreated] = useState('');
    return html`<${Section} title=${t('tokens')}><p class="hint">${t('tokens_text')}</p>
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        ${items?.length === 0 && html`<p>${t('no_tokens')}</p>`}
        <ul class="records">${items?.map((token) => html`<li key=${token.id}>
            <span><strong>${token.name}</strong><small>${t('ends_with', { text: token.last_four })} · ${token.scopes.join(', ')} · ${token.expires_at ? t('token_until', { date: dateTime(token.expires_at) }) : t('token_no_end')} · ${token.last_used_at ? t('last_used', { date: dateTime(token.last_used_at) }) : t('never_used')}</small></span>
            <button type="button" class="button" aria-label=${t('end_token_of', { name: token.name })} onClick=${() => run((password) => account().endToken(token.id, password))}>${t('end_token')}</button>
        </li>`)}</ul>
        ${created && html`<${NewSecret} text=${created} />`}
        <${NewToken} create=${(fields) => run(async (password) => setCreated((await account().createToken(fields, password)).token))} />
    <//>`;
}

/** A token that is shown only once. */
export function NewSecret({ text }) {
    return html`<div class="new-token" role="status"><p>${t('token_new')}</p><output>${text}</output>
        <button type="button" class="button" onClick=${() => copy(text)}><${Icon} name="copy" size=${18} />${t('copy')}</button></div>`;
}

/** Copying needs https; the text can be selected otherwise. */
export async function copy(text) {
    try { await navigator.clipboard.writeText(text); announce(t('copied')); showToast(t('copied')); }
    catch { openDialog('text', { title: t('copy'), text }); }
}

function NewToken({ create }) {
    const [fields, setFields] = useState({ name: '', scope: 'todos:read', days: '90' });
    const set = (name) => (event) => setFields({ ...fields, [name]: event.target.value });
    const submit = async (event) => {
        event.preventDefault();
        const { name, scope, days } = fields;
        const expires_at = days ? new Date(Date.now() + Number(days) * DAY).toISOString() : null;
        await create({ name: name.trim(), scopes: [scope], expires_at });
        setFields({ ...fields, name: '' });
    };
    return html`<form class="new-token-form" onSubmit=${submit}>
        <${Field} label=${t('token_name')}>${(props) => html`<input ...${props} required maxlength="100" value=${fields.name} autocomplete="off" onInput=${set('name')} />`}<//>
        <${Field} label=${t('token_scope')}>${(props) => html`<select ...${props} value=${fields.scope} onChange=${set('scope')}>
            <option value="todos:read">${t('scope_read')}</option><option value="todos:write">${t('scope_write')}</option><option value="caldav">${t('scope_caldav')}</option></select>`}<//>
        <${Field} label=${t('token_expires')}>${(props) => html`<select ...${props} value=${fields.days} onChange=${set('days')}>
            <option value="90">${t('days_90')}</option><option value="365">${t('days_365')}</option><option value="">${t('days_never')}</option></select>`}<//>
        <button class="button">${t('create_token')}</button>
    </form>`;
}
