/** Ids that the client makes. `crypto.randomUUID` does not exist on plain http. */

/** @param {number} count of bytes */
function randomHex(count) {
    const bytes = crypto.getRandomValues(new Uint8Array(count));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An id of a todo or list: seconds since 1970, then random digits. */
export function newId(now = Date.now()) {
    const seconds = Math.floor(now / 1000) % 2 ** 32;
    return seconds.toString(16).padStart(8, '0') + randomHex(8);
}

/** An id of a command, by which the server recognizes a repetition. */
export function newCommandId() {
    return randomHex(12);
}
