/**
 * What becomes of a command when the server's copy of its target has changed since the user gave it. Fields that only this
 * user changed are sent. Text that two changed at once is never overwritten: it goes to the list of rejected changes.
 */

/** @typedef {import('../store/types.js').Row} Row */

const TEXT = ['name', 'description'];

/** @param {any} a @param {any} b */
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/**
 * @typedef {{ kind: 'send', command: Record<string, any>, guarded: boolean }
 *     | { kind: 'done' }
 *     | { kind: 'rejected', fields: Record<string, any> | null, code: string, rest: Record<string, any> | null }} Plan
 *
 * @param {Row} row
 * @param {any} current the server's copy with the effects of commands that the server has; `undefined` if there is none
 * @param {boolean} isCreatedBefore whether an earlier command in the outbox creates the target
 * @returns {Plan}
 */
export function plan(row, current, isCreatedBefore) {
    const { id, op, type, target } = row;
    const command = { id, op, type, target, ...(row.body && { body: row.body }) };
    if (op === 'put') return current ? { kind: 'done' } : { kind: 'send', command, guarded: false };
    if (!current) {
        if (isCreatedBefore) return { kind: 'send', command, guarded: false };
        // Nothing that was typed is lost with an object that is gone.
        return op === 'patch' ? { kind: 'rejected', fields: row.body ?? null, code: 'gone', rest: null } : { kind: 'done' };
    }
    if (isStep(row)) {
        const isUndone = same(current.due, row.before?.due) && !current.completed;
        // Somebody else completed this occurrence already.
        if (!isUndone) return { kind: 'done' };
        return { kind: 'send', command: { ...command, if_version: current.version }, guarded: true };
    }
    return op === 'patch' ? planPatch(row, command, current) : { kind: 'send', command, guarded: false };
}

/** Whether the command takes a recurring todo to its next occurrence. @param {Row} row */
function isStep(row) {
    return row.op === 'skip' || (row.op === 'patch' && row.body?.completed === true && row.before?.due !== undefined);
}

/** @param {Row} row @param {Record<string, any>} command @param {any} current @returns {Plan} */
function planPatch(row, command, current) {
    const body = row.body ?? {};
    const names = Object.keys(body).filter((name) => !same(current[name], body[name]));
    const isConflict = (/** @type {string} */ name) => TEXT.includes(name) && row.before && !same(current[name], row.before[name]);
    const conflicts = names.filter(isConflict);
    const rest = names.filter((name) => !isConflict(name));
    const pick = (/** @type {string[]} */ some) => Object.fromEntries(some.map((name) => [name, body[name]]));
    if (conflicts.length > 0) {
        return { kind: 'rejected', fields: pick(conflicts), code: 'changed_elsewhere', rest: rest.length > 0 ? pick(rest) : null };
    }
    if (rest.length === 0) return { kind: 'done' };
    const guarded = rest.some((name) => TEXT.includes(name));
    const sent = { ...command, body: pick(rest) };
    return { kind: 'send', command: guarded ? { ...sent, if_version: current.version } : sent, guarded };
}

/**
 * What follows from the status of a command.
 * @param {Row} row @param {number} status @param {string} [code]
 * @returns {'acked' | 'done' | 'rebase' | 'without_place' | 'later' | 'rejected'}
 */
export function outcome(row, status, code) {
    if (status < 300) return 'acked';
    if (status === 412) return (row.tries ?? 0) < 10 ? 'rebase' : 'rejected';
    if (row.op === 'delete' && status === 404) return 'done';
    if (status === 429 || status >= 500) return code === 'limit_reached' ? 'rejected' : 'later';
    const hasPlace = row.op === 'move' && (row.body?.before !== undefined || row.body?.after !== undefined);
    return hasPlace && [404, 409, 422].includes(status) ? 'without_place' : 'rejected';
}
