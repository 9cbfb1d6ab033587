/**
 * Provisional positions among siblings, until the server has computed the true ones. They are texts of the same digits,
 * compared byte by byte.
 */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;
// The server puts keys of new objects after `a` and the time, and keys before all others after `Z`.
const TIME_DIGITS = 8;

/** @param {number} value @param {boolean} down */
function time(value, down) {
    let text = '';
    for (let rest = value, index = 0; index < TIME_DIGITS; index += 1) {
        const digit = rest % BASE;
        text = DIGITS[down ? BASE - 1 - digit : digit] + text;
        rest = Math.floor(rest / BASE);
    }
    return text;
}

let newest = 0;

/** @param {number} now */
function tick(now) {
    newest = Math.max(newest + 1, now);
    return newest;
}

/**
 * A position after all others. The keys of the server begin with `a` at most, so an object that the server has just placed
 * does not jump behind the ones that were added after it and have not been sent.
 */
export const last = (now = Date.now()) => `b${time(tick(now), false)}zzV`;

/** A position before all others. */
export const first = (now = Date.now()) => `Z${time(tick(now), true)}00V`;

/**
 * A position between two others; `null` is an end of the order.
 * @param {string | null} lower
 * @param {string | null} upper
 */
export function between(lower, upper, now = Date.now()) {
    if (upper === null) {
        const end = last(now);
        return lower === null || lower < end ? end : `${lower}V`;
    }
    if (lower === null) {
        const end = first(now);
        return end < upper ? end : midpoint('', upper);
    }
    return midpoint(lower, upper);
}

/** @param {string} lower @param {string} upper */
function midpoint(lower, upper) {
    let key = '';
    for (let index = 0, bounded = true; index < 200; index += 1) {
        const low = Math.max(0, DIGITS.indexOf(lower[index] ?? '0'));
        const high = bounded && index < upper.length ? DIGITS.indexOf(upper[index]) : BASE;
        if (high - low > 1) return key + DIGITS[Math.floor((low + high) / 2)];
        key += DIGITS[low];
        if (high > low) bounded = false;
    }
    return `${lower}V`;
}

/** @template {{ position: string, id: string }} T @param {T} a @param {T} b */
export function byPosition(a, b) {
    if (a.position !== b.position) return a.position < b.position ? -1 : 1;
    return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
