/** Orders of many objects that follow changes of a few. An object never changes: another one takes its place. */

// Above, sorting everything is quicker than moving the objects after each place.
const SINGLY_MAX = 100;

/**
 * Where an object belongs in a sorted array.
 * @template T @param {T[]} sorted @param {T} object @param {(a: T, b: T) => number} compare
 */
function placeOf(sorted, object, compare) {
    let [from, to] = [0, sorted.length];
    while (from < to) {
        const middle = (from + to) >> 1;
        if (compare(sorted[middle], object) <= 0) from = middle + 1;
        else to = middle;
    }
    return from;
}

/**
 * A sorted array without some of its objects, and with others.
 * @template T @param {T[]} sorted @param {Set<T>} gone @param {T[]} come @param {(a: T, b: T) => number} compare @returns {T[]}
 */
export function resorted(sorted, gone, come, compare) {
    if (gone.size > SINGLY_MAX) return resorted(sorted.filter((object) => !gone.has(object)), new Set(), come, compare);
    const result = sorted.slice();
    for (const object of gone) {
        const at = result.indexOf(object);
        if (at >= 0) result.splice(at, 1);
    }
    if (come.length > SINGLY_MAX) return result.concat(come).sort(compare);
    for (const object of come) result.splice(placeOf(result, object, compare), 0, object);
    return result;
}

/**
 * What one array has and another has not. Quick if the arrays differ in few places that are near each other.
 * @template T @param {T[]} before @param {T[]} after @returns {{ gone: Set<T>, come: T[] }}
 */
export function difference(before, after) {
    let [start, end] = [0, 0];
    const shorter = Math.min(before.length, after.length);
    while (start < shorter && before[start] === after[start]) start += 1;
    while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
    const gone = new Set(before.slice(start, before.length - end));
    const come = after.slice(start, after.length - end).filter((object) => !gone.delete(object));
    return { gone, come };
}

/**
 * A function that sorts what it makes of the objects of an array, and keeps the result up to date when it is called with the
 * next version of that array. `make` returns the same for the same object.
 * @template T, E @param {(object: T) => E} make @param {(a: E, b: E) => number} compare @param {(object: T) => boolean} isWanted
 * @returns {(objects: T[]) => E[]}
 */
export function keptInOrder(make, compare, isWanted) {
    let before = /** @type {T[]} */ ([]);
    let sorted = /** @type {E[]} */ ([]);
    return (objects) => {
        if (objects !== before) {
            const { gone, come } = difference(before, objects);
            sorted = resorted(sorted, new Set([...gone].map(make)), come.filter(isWanted).map(make), compare);
            before = objects;
        }
        return sorted;
    };
}

/**
 * A function that adds up something of each object of an array, and only looks at what has changed when it is called with the
 * next version of that array.
 * @template T, S @param {() => S} blank @param {(sum: S, object: T, sign: 1 | -1) => void} add @returns {(objects: T[]) => S}
 */
export function keptSum(blank, add) {
    let before = /** @type {T[]} */ ([]);
    let sum = blank();
    return (objects) => {
        if (objects !== before) {
            const { gone, come } = difference(before, objects);
            for (const object of gone) add(sum, object, -1);
            for (const object of come) add(sum, object, 1);
            before = objects;
        }
        return sum;
    };
}
