/** Messages between the tabs of a browser. */

/** @type {BroadcastChannel | null} */
let channel = null;
/** @type {Map<string, (data: any) => void>} */
const listeners = new Map();
/** @type {string | null} */
let user = null;

export function openChannel() {
    if (channel || typeof BroadcastChannel === 'undefined') return;
    channel = new BroadcastChannel('todo-client');
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
