// In Swagger UI, a link is inside the button that opens an operation. Opening it changes the address anyway.
const accessible = ({ React }) => ({
    components: { DeepLink: ({ text }) => React.createElement('span', null, text) },
});

const NAMES = { '#servers': 'Server', '.dark-mode-toggle button': 'Light or dark', '.examples-select-element': 'Example', '.close-modal': 'Close' };

/** Swagger UI leaves some controls without a name, gives others a name that differs from their text, and makes a landmark of every table. */
function repair() {
    for (const [selector, label] of Object.entries(NAMES)) {
        for (const element of document.querySelectorAll(`${selector}:not([aria-label])`)) element.setAttribute('aria-label', label);
    }
    for (const table of document.querySelectorAll('table[role=region]')) table.removeAttribute('role');
    for (const button of document.querySelectorAll('.auth.button[aria-label]')) button.removeAttribute('aria-label');
}

window.onload = () => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
    dark.addEventListener('change', follow);
    follow();
    new MutationObserver(repair).observe(document.getElementById('swagger-ui'), { childList: true, subtree: true });
    window.ui = SwaggerUIBundle({
        urls: [
            { url: '../v1/openapi.json', name: 'API v1' },
            { url: '../original/openapi.json', name: 'Original routes' },
        ],
        dom_id: '#swagger-ui',
        deepLinking: true,
        persistAuthorization: true,
        displayRequestDuration: true,
        filter: true,
        presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
        plugins: [accessible],
        layout: 'StandaloneLayout',
    });
};
