/** The service worker: offline use, and the notice that a new version is there. Needs https. */

import { address } from './api.js';
import { setStatus, status } from './state.js';

const CHECK_MS = 60 * 60_000;
const DISMISSED = 'todo-dismissed';

/** @type {ServiceWorkerRegistration | null} */
let registration = null;
let isReloading = false;

export function startUpdates() {
    if (!isSecureContext) {
        if (!isDismissed()) setStatus({ notice: 'no_https' });
        return;
    }
    if (!navigator.serviceWorker || new URLSearchParams(location.search).has('network')) return;
    // After the first paint, so that its requests do not delay anything.
    const begin = () => void register().catch(() => {});
    if (document.readyState === 'complete') setTimeout(begin);
    else addEventListener('load', () => setTimeout(begin), { once: true });
}

function isDismissed() {
    try {
        return localStorage.getItem(DISMISSED) === 'no_https';
    } catch {
        return false;
    }
}

/** The address of the worker is the only one that may become a script. */
function workerAddress() {
    const url = address('sw.js');
    const types = /** @type {any} */ (globalThis).trustedTypes;
    const policy = types?.createPolicy('app', {
        createScriptURL: (/** @type {string} */ wanted) => {
            if (wanted !== url) throw new TypeError('not the service worker');
            return wanted;
        },
    });
    return policy ? policy.createScriptURL(url) : url;
}

async function register() {
    navigator.serviceWorker.addEventListener('controllerchange', () => {
        if (isReloading) location.reload();
    });
    registration = await navigator.serviceWorker.register(workerAddress(), { updateViaCache: 'none' });
    const check = () => {
        // Without a controller it is the first visit.
        if (registration?.waiting && navigator.serviceWorker.controller) setStatus({ notice: 'new_version' });
    };
    check();
    registration.addEventListener('updatefound', () => {
        registration?.installing?.addEventListener('statechange', check);
    });
    const update = () => void registration?.update().catch(() => {});
    setInterval(update, CHECK_MS);
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && update());
}

/** Asks the service for a new version. */
export function checkForUpdate() {
    void registration?.update().catch(() => {});
}

export function reloadForNewVersion() {
    if (!registration?.waiting) {
        location.reload();
        return;
    }
    isReloading = true;
    registration.waiting.postMessage('activate');
}

export function dismissNotice() {
    const { notice } = status.peek();
    try {
        if (notice === 'no_https') localStorage.setItem(DISMISSED, notice);
    } catch {
        // Then it is shown again.
    }
    setStatus({ notice: null });
}
