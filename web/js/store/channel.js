/** Messages between the tabs of a browser. */

/** @type {BroadcastChannel | null} */
let channel = null;
/** @type {Map<string, (data: any) => void>} */
const listeners = new Map();
/** @type {string | null} */
let user = null;

/**
 * A name in the storage of the browser, which services below other paths of the host share.
 * @param {string} name
 */
export function named(name) {
    const { pathname } = new URL('./', document.baseURI);
    return pathname === '/' ? name : `${name} ${pathname}`;
}

export function openChannel() {
    if (channel || typeof BroadcastChannel === 'undefined') return;
    channel = new BroadcastChannel(named('todo-client'));
    channel.onmessage = ({ data }) => {
        // For a moment after somebody signs in, tabs may be of different users, and those do not listen to each other.
        if (data.user === user || data.type === 'session') listeners.get(data.type)?.(data);
    };
}

/** From now on this tab speaks and listens for a user. @param {string | null} userId */
export function speakFor(userId) {
    user = userId;
}

/** @param {string} type @param {(data: any) => void} listener */
export function listen(type, listener) {
    listeners.set(type, listener);
}

/** Tells the other tabs of the same user; `session` goes to all. @param {string} type @param {object} [data] */
export function tell(type, data = {}) {
    channel?.postMessage({ user, ...data, type });
}
