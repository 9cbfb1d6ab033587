// Dialogs and menus. Both are modal `dialog` elements: the browser keeps the focus inside, closes them on Escape and gives
// the focus back.
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from '../../vendor/ui.js';
import { Icon } from './icons.js';
import { t } from './i18n.js';

/** Opens the element as long as the component is there. */
function useModal(onClose) {
    const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
    useLayoutEffect(() => {
        const element = /** @type {HTMLDialogElement} */ (ref.current);
        const opener = document.activeElement;
        element.showModal();
        return () => {
            element.close();
            if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
        };
    }, []);
    const onBackdrop = (event) => { if (event.target === ref.current) onClose(); };
    const onCancel = (event) => { event.preventDefault(); onClose(); };
    return { ref, onMouseDown: onBackdrop, onCancel };
}

/** @param {{title: string, onClose: () => void, children?: any, kind?: string, hasHeading?: boolean}} props */
export function Dialog({ title, onClose, children, kind = '', hasHeading = true }) {
    const modal = useModal(onClose);
    const id = useId();
    return html`<dialog class=${`dialog ${kind}`} aria-labelledby=${id} ...${modal}>
        <div class="dialog-body">
            <div class=${hasHeading ? 'dialog-head' : 'hidden'}>
                <h2 id=${id}>${title}</h2>
                ${hasHeading && html`<button type="button" class="icon-button" aria-label=${t('close')} onClick=${onClose}><${Icon} name="close" /></button>`}
            </div>
            ${children}
        </div>
    </dialog>`;
}

/** A label, a control and its problem, tied together. @param {{label: string, problem?: string, hint?: string, children: (props: any) => any}} props */
export function Field({ label, problem = '', hint = '', children }) {
    const id = useId();
    const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(' ');
    return html`<div class="field">
        <label for=${id}>${label}</label>
        ${children({ id, 'aria-describedby': described || undefined, 'aria-invalid': problem ? 'true' : undefined })}
        ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
        ${problem && html`<p class="problem" id=${`${id}-problem`} role="alert">${problem}</p>`}
    </div>`;
}

/** What a rejected request says to a person. */
export function problemText(error) {
    const { status, title, detail, errors } = /** @type {any} */ (error ?? {});
    if (!status) return t('error_network');
    return errors?.map((one) => one.detail).join(' ') || detail || title || t('error_unknown');
}

/**
 * A button with a menu.
 * @typedef {{label: string, run?: () => void, icon?: string, keys?: string, isDanger?: boolean, isChecked?: boolean, items?: MenuItem[], dot?: string | null} | null | false} MenuItem
 * @param {{label: string, items: () => MenuItem[], children: any, className?: string, buttonProps?: any}} props
 */
export function MenuButton({ label, items, children, className = 'icon-button', buttonProps = {} }) {
    const [at, setAt] = useState(/** @type {DOMRect | null} */ (null));
    const ref = useRef(/** @type {HTMLButtonElement | null} */ (null));
    const open = () => setAt(/** @type {HTMLButtonElement} */ (ref.current).getBoundingClientRect());
    return html`
        <button type="button" ref=${ref} class=${className} aria-label=${label} aria-haspopup="menu" aria-expanded=${at ? 'true' : 'false'}
            ...${buttonProps} onClick=${open}>${children}</button>
        ${at && html`<${Menu} label=${label} items=${items()} anchor=${at} onClose=${() => setAt(null)} />`}`;
}

export function Menu({ label, items, anchor, onClose }) {
    const modal = useModal(onClose);
    const [path, setPath] = useState(/** @type {any} */ (null));
    const shown = (path?.items ?? items).filter(Boolean);
    useLayoutEffect(() => place(/** @type {any} */ (modal.ref.current), anchor), []);
    useEffect(() => { modal.ref.current?.querySelector('button')?.focus(); }, [path]);
    const onKeyDown = (event) => {
        const buttons = [...event.currentTarget.querySelectorAll('button')];
        const at = buttons.indexOf(document.activeElement);
        const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
        if (event.key === 'Tab') { event.preventDefault(); onClose(); }
        if (to === undefined) return;
        event.preventDefault();
        buttons.at(to % buttons.length)?.focus();
    };
    const choose = (item) => {
        if (item.items) return setPath(item);
        onClose();
        // After the focus is back on the button, so that the action can move it.
        setTimeout(item.run);
    };
    return html`<dialog class="menu" aria-label=${label} ...${modal} onKeyDown=${onKeyDown}>
        <div role="menu" aria-label=${path?.label ?? label}>
            ${shown.map((item) => html`<button type="button" key=${item.label} role=${item.isChecked === undefined ? 'menuitem' : 'menuitemradio'} aria-checked=${item.isChecked === undefined ? undefined : String(item.isChecked)}
                aria-haspopup=${item.items ? 'menu' : undefined} tabindex="-1" class=${item.isDanger ? 'menu-item danger-text' : 'menu-item'} onClick=${() => choose(item)}>
                ${item.dot !== undefined ? html`<${Dot} color=${item.dot} />` : html`<${Icon} name=${item.icon ?? (item.isChecked ? 'check' : 'blank')} size=${18} />`}
                <span>${item.label}</span>${item.keys && html`<kbd aria-hidden="true">${item.keys}</kbd>`}${item.items && html`<${Icon} name="next" size=${16} />`}
            </button>`)}
        </div>
    </dialog>`;
}

/** Below the button, or above it where there is no room. On narrow screens the style sheet puts it at the bottom. */
function place(element, anchor) {
    const { width, height } = element.getBoundingClientRect();
    const isRight = document.documentElement.dir === 'rtl' ? anchor.left + width < innerWidth : anchor.right - width < 0;
    const left = Math.max(8, Math.min(isRight ? anchor.left : anchor.right - width, innerWidth - width - 8));
    const below = anchor.bottom + 4;
    const top = below + height > innerHeight ? Math.max(8, anchor.top - height - 4) : below;
    element.style.setProperty('--menu-left', `${left}px`);
    element.style.setProperty('--menu-top', `${top}px`);
}

/** The colour of a list. */
export function Dot({ color }) {
    return html`<span class="dot" style=${color ? { '--dot': color } : undefined}></span>`;
}
