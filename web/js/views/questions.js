// Dialogs that ask for a decision or for one line of text.
import { html, useState } from '../../vendor/ui.js';
import { Dialog, Field, problemText } from './dialog.js';
import { t } from './i18n.js';

/** @param {{title: string, text?: string, action: string, isDanger?: boolean, confirm: () => void, onClose: () => void}} props */
export function Confirm({ title, text, action, isDanger = false, confirm, onClose }) {
    const run = () => { onClose(); confirm(); };
    return html`<${Dialog} title=${title} onClose=${onClose} kind="small">
        ${text && html`<p>${text}</p>`}
        <div class="buttons">
            <button type="button" class="button" onClick=${onClose}>${t('cancel')}</button>
            <button type="button" class=${isDanger ? 'button danger' : 'button primary'} onClick=${run}>${action}</button>
        </div>
    <//>`;
}

/** Asks for one line of text. @param {{title: string, label: string, value?: string, action: string, type?: string, confirm: (text: string) => any, onClose: () => void}} props */
export function Ask({ title, label, value = '', action, type = 'text', confirm, onClose }) {
    const [text, setText] = useState(value);
    const [problem, setProblem] = useState('');
    const submit = async (event) => {
        event.preventDefault();
        if (!text.trim()) return;
        try {
            await confirm(type === 'password' ? text : text.trim());
            onClose();
        } catch (error) {
            setProblem(problemText(error));
        }
    };
    return html`<${Dialog} title=${title} onClose=${onClose} kind="small">
        <form onSubmit=${submit}>
            <${Field} label=${label} problem=${problem}>${(props) => html`<input ...${props} type=${type} autofocus value=${text} required
                autocomplete=${type === 'password' ? 'current-password' : 'off'} maxlength="500" onInput=${(event) => setText(event.target.value)} />`}<//>
            <div class="buttons">
                <button type="button" class="button" onClick=${onClose}>${t('cancel')}</button>
                <button class="button primary">${action}</button>
            </div>
        </form>
    <//>`;
}

/** Runs a change of the account, again with the password if the service wants it. @param {(name: string, props: any) => void} open @param {(password?: string) => Promise<any>} run */
export async function withPassword(open, run) {
    try {
        return await run();
    } catch (error) {
        if (/** @type {any} */ (error)?.code !== 'token_not_fresh') throw error;
        return new Promise((resolve) => open('ask', {
            title: t('confirm_password'), label: t('password'), type: 'password', action: t('continue'),
            confirm: async (password) => resolve(await run(password)),
        }));
    }
}
