// One section of the settings.
import { html, useId } from '../../vendor/ui.js';

/** @param {{title: string, children?: any}} props */
export function Section({ title, children }) {
    const id = useId();
    return html`<section class="settings-section" aria-labelledby=${id}><h2 id=${id}>${title}</h2><div>${children}</div></section>`;
}
