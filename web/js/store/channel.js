/** Messages between the tabs of a browser. */

/** @type {BroadcastChannel | null} */
let channel = null;
/** @type {Map<string, (data: any) => void>} */
const listeners = new Map();

export function openChannel() {
    if (channel || typeof BroadcastChannel === 'undefined') return;
    channel = new BroadcastChannel('todo-client');
    channel.onmessage = ({ data }) => listeners.get(data.type)?.(data);
}

/** @param {string} type @param {(data: any) => void} listener */
export function listen(type, listener) {
    listeners.set(type, listener);
}

/** Tells the other tabs. @param {string} type @param {object} [data] */
export function tell(type, data = {}) {
    channel?.postMessage({ ...data, type });
}
