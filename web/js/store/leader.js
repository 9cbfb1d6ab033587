/**
 * One tab of a browser syncs for all of them, because a browser has few connections to a host, and a stream takes one. The
 * tabs agree by a Web Lock. On plain http there are none, so there each visible tab syncs.
 */

import { apiError } from './api.js';
import { listen, named, tell } from './channel.js';
import { isOpen, readMeta } from './db.js';
import { follow } from './events.js';
import { catchUp, follow as apply, metaNow, restore } from './held.js';
import { onCommands, stored } from './outbox.js';
import { setStatus, status } from './state.js';
import { syncNow } from './sync.js';
import { authorized, isRefusal, renewedAt, tokenOrEnd } from './tokens.js';

const LOCK = 'todo-sync';
const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
// While the stream reports every change.
const IDLE_MS = 5 * 60_000;
// A stream that ends sooner was refused.
const STEADY_MS = 5_000;
const FLUSH_MS = 3_000;
// A tab begins to lead soon after the token with which it opened was renewed.
const OPENING_MS = 2_000;

/** @type {AbortController | null} */
let following = null;
/** @type {AbortSignal | null} */
let leading = null;
let wanted = false;
/** @type {() => void} */
let wakeUp = () => {};
let revision = 0;

export function startLeader() {
    onCommands(kick);
    listen('kick', kick);
    listen('change', ({ change }) => {
        revision = change.revision;
        if (!leading) void apply(change);
    });
    listen('leader', ({ revision: reached }) => {
        if (!leading) void catchUp(reached);
    });
    listen('status', ({ changes }) => {
        if (!leading) setStatus(changes);
    });
    listen('status?', () => {
        if (leading) announce({ connected: status.peek().connected });
    });
    addEventListener('online', kick);
    document.addEventListener('visibilitychange', () => void resumed());
    addEventListener('pageshow', (event) => void (event.persisted && resumed()));
}

/** Syncs now, if this tab leads. */
function kick() {
    wanted = true;
    wakeUp();
}

/** A tab that slept may have missed messages. */
async function resumed() {
    if (document.visibilityState !== 'visible') {
        if (!navigator.locks) wakeUp();
        return;
    }
    if (following && !leading && (await readMeta()).revision !== revision) {
        await stored();
        await restore();
        revision = metaNow().revision;
    }
    kick();
    if (!leading) tell('kick');
}

/** Takes part in the election for the user who is signed in. */
export function join() {
    leave();
    const { signal } = following = new AbortController();
    revision = metaNow().revision;
    tell('status?');
    if (navigator.locks && isOpen()) {
        navigator.locks.request(named(LOCK), { signal }, () => lead(signal)).catch(() => {});
    } else void leadWhileVisible(signal);
}

/** Without a database, this tab syncs for itself. */
export function joinAgain() {
    if (following && !leading) join();
}

export function leave() {
    following?.abort();
    following = null;
    wakeUp();
}

/** @param {AbortSignal} signal */
async function leadWhileVisible(signal) {
    while (!signal.aborted) {
        const hidden = new AbortController();
        const stop = () => {
            if (signal.aborted || document.visibilityState !== 'visible') hidden.abort();
        };
        signal.addEventListener('abort', stop);
        document.addEventListener('visibilitychange', stop);
        // Without a database the other tabs have their own data, and this one must stay connected to its own.
        if (document.visibilityState === 'visible' || !isOpen()) await lead(hidden.signal);
        document.removeEventListener('visibilitychange', stop);
        signal.removeEventListener('abort', stop);
        if (!signal.aborted) await pause(IDLE_MS, signal);
    }
}

/** @param {AbortSignal} signal */
async function lead(signal) {
    if (signal.aborted) return;
    leading = signal;
    try {
        // Another tab may have led before.
        if (isOpen() && (await readMeta()).revision !== metaNow().revision) {
            await stored();
            await restore();
        }
        // The tab that led before may have stored a change without telling the others.
        tell('leader', { revision: metaNow().revision });
        const stream = streaming(signal);
        for (let failures = 0; !signal.aborted;) {
            try {
                wanted = false;
                await stream.assertUser();
                await syncNow();
                failures = 0;
                announce({ connected: true });
                const wait = stream.open();
                if (!wanted) await pause(wait, signal);
            } catch (error) {
                if (signal.aborted) return;
                failed(error);
                const wait = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)];
                const { retryAfter = 0 } = apiError(error);
                // So that all clients of a service that restarts do not come at once.
                const isOver = await pause(Math.max(wait, retryAfter * 1000) * (0.75 + Math.random() / 2), signal, failures === 0);
                // An attempt before its time, because the user gave a command, does not make the next pause longer.
                if (isOver) failures += 1;
            }
        }
    } finally {
        if (leading === signal) leading = null;
    }
}

/** The stream of changes. @param {AbortSignal} signal */
function streaming(signal) {
    let [isOpen, failures, notBefore, isKnown] = [false, 0, 0, false];
    let since = performance.now() - OPENING_MS;
    const run = async () => {
        const began = Date.now();
        try {
            await follow(signal);
        } catch (error) {
            connectionLost(error);
        }
        [isOpen, isKnown, since] = [false, false, performance.now()];
        failures = Date.now() - began > STEADY_MS ? 0 : failures + 1;
        notBefore = Date.now() + (failures ? BACKOFF_MS[Math.min(failures - 1, BACKOFF_MS.length - 1)] : 0);
        // What changed since then is read at once.
        kick();
    };
    return {
        /**
         * Throws if the service does not know the user. Between two streams, another database may have taken the place of the
         * first one, and an access token is genuine until it expires: changes would go into an account that does not exist.
         */
        async assertUser() {
            if (isKnown) return;
            await tokenOrEnd();
            // The service looks for the user when it renews a token.
            if (renewedAt() < since) await authorized('GET', 'v1/user');
            isKnown = true;
        },
        /** Opens it unless it is open. @returns how long nothing needs to be done */
        open() {
            if (!isOpen && Date.now() >= notBefore) {
                isOpen = true;
                void run();
            }
            return isOpen ? IDLE_MS : Math.max(0, notBefore - Date.now());
        },
    };
}

/** @param {unknown} error */
function connectionLost(error) {
    if (!isRefusal(error) && apiError(error).status === 0) announce({ connected: false });
}

/** @param {unknown} error */
function failed(error) {
    const { status: code, code: name } = apiError(error);
    /** @type {import('./types.js').Notice} */
    const notice = name === 'not_the_service' ? 'sign_in_at_proxy' : code === 403 ? 'no_access' : null;
    announce({ connected: false, ...(notice && { notice }) });
    setStatus({ ready: true });
}

/** @param {Partial<import('./types.js').Status>} changes */
function announce(changes) {
    const seen = status.peek().notice;
    const isOver = changes.connected && (seen === 'sign_in_at_proxy' || seen === 'no_access');
    const all = isOver ? { ...changes, notice: null } : changes;
    setStatus(all);
    tell('status', { changes: all });
}

/**
 * @param {number} ms @param {AbortSignal} signal @param {boolean} [isFixed] whether nothing shortens it
 * @returns {Promise<boolean>} whether it was not shortened
 */
function pause(ms, signal, isFixed = false) {
    return new Promise((resolve) => {
        const end = (/** @type {boolean} */ isOver) => {
            clearTimeout(timer);
            wakeUp = () => {};
            resolve(isOver);
        };
        const timer = setTimeout(() => end(true), ms);
        wakeUp = () => {
            if (!isFixed || signal.aborted) end(false);
        };
        if (signal.aborted) end(false);
    });
}

/** Sends what is waiting, as far as that is possible soon. */
export async function flush() {
    if (status.peek().unsent === 0) return;
    kick();
    await new Promise((resolve) => {
        const timer = setInterval(() => status.peek().unsent === 0 && resolve(undefined), 100);
        setTimeout(() => {
            clearInterval(timer);
            resolve(undefined);
        }, FLUSH_MS);
    });
}
