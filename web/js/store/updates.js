/** The service worker: offline use, and the notice that a new version is there. Needs https. */

import { address } from './api.js';
import { afterOpening } from './idle.js';
import { setStatus, status } from './state.js';

const CHECK_MS = 60 * 60_000;
const DISMISSED = 'todo-dismissed';
// The browser may wait for the worker before this one. The page of the new version is served then too.
const PATIENCE_MS = 2_000;

/** @type {ServiceWorkerRegistration | null} */
let registration = null;
let isReloading = false;

export function startUpdates() {
    if (!isSecureContext) {
        if (!isDismissed()) setStatus({ notice: 'no_https' });
        return;
    }
    if (!navigator.serviceWorker || new URLSearchParams(location.search).has('network')) return;
    afterOpening(() => void register().catch(() => {}));
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
    // The first worker takes control of a page that has the same version.
    let isFirst = !navigator.serviceWorker.controller;
    navigator.serviceWorker.addEventListener('controllerchange', () => {
        if (isReloading) location.reload();
        // Another tab has taken the new version, and parts of this one that are loaded later may be gone.
        else if (!isFirst) void noticeUnlessOwn(navigator.serviceWorker.controller);
        isFirst = false;
    });
    registration = await navigator.serviceWorker.register(workerAddress(), { updateViaCache: 'none' });
    void check();
    registration.addEventListener('updatefound', () => {
        registration?.installing?.addEventListener('statechange', () => void check());
    });
    const update = () => void registration?.update().catch(() => {});
    setInterval(update, CHECK_MS);
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && update());
}

async function check() {
    const waiting = registration?.waiting;
    // Without a controller it is the first visit.
    if (waiting && navigator.serviceWorker.controller) await noticeUnlessOwn(waiting);
}

/** @param {ServiceWorker | null} worker */
async function noticeUnlessOwn(worker) {
    if (worker && await versionOf(worker) !== ownVersion()) setStatus({ notice: 'new_version' });
}

/** @param {ServiceWorker} worker @returns {Promise<string>} */
function versionOf(worker) {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
        port1.onmessage = ({ data }) => resolve(data);
        worker.postMessage('version', [port2]);
        // A worker of before this question.
        setTimeout(resolve, PATIENCE_MS, '');
    });
}

/** The version is a part of the addresses of all files. */
const ownVersion = () => /\/assets\/([^/]+)\//.exec(/** @type {HTMLScriptElement | null} */ (document.querySelector('script[type=module]'))?.src ?? '')?.[1];

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
    setTimeout(() => location.reload(), PATIENCE_MS);
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
