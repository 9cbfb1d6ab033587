/** Which commands are sent next, and which changes turned out to need none or to be impossible. */

import { plan } from '../model/rebase.js';
import { held } from './held.js';
import { rejection } from './outbox.js';
import { base, rows } from './state.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').Kind} Kind */

const COMMANDS_MAX = 100;
// A request may have 1 MiB.
const COMMAND_BYTES_MAX = 500_000;
// The service remembers the results of commands for at least 24 hours.
const RESULTS_KEPT_MS = 12 * 60 * 60 * 1000;

/** @typedef {{ commands: any[], rows: Map<string, Row>, ended: Row[],
 *     rejected: import('./types.js').Rejected[], changed: Row[], sent: Row[] }} Batch */

/** @returns {Batch} */
export const blankBatch = () => ({ commands: [], rows: new Map(), ended: [], rejected: [], changed: [], sent: [] });

/** Whether the service may have forgotten the result of a command that it was sent. */
export function hasOldCommands() {
    return [...rows.values()].some((row) => !row.acked && row.sent && Date.now() - row.sent > RESULTS_KEPT_MS);
}

/** Whether there are commands to send, or changes that turned out to need none. */
export function hasSendable() {
    const { commands, ended, rejected } = sendable(true);
    return commands.length + ended.length + rejected.length > 0;
}

/** Whether there are commands whose copies have not arrived. */
export function hasAcked() {
    return [...rows.values()].some((row) => row.acked);
}

/** The next commands, in order. @param {boolean} [isProbe] @returns {Batch} */
export function sendable(isProbe = false) {
    const batch = blankBatch();
    const [now, touched, created] = [Date.now(), new Set(), new Set()];
    const waiting = [...rows.values()].sort((a, b) => a.seq - b.seq);
    let bytes = 0;
    for (const row of waiting) {
        if (row.acked) continue;
        // The copy that came first has not arrived yet.
        if (row.tries && held.meta.walking) break;
        const isNew = created.has(row.target);
        const planned = plan(row, isNew ? undefined : seen(row.type, row.target, batch), isNew || !held.meta.complete);
        if (planned.kind === 'done') {
            batch.ended.push(row);
            continue;
        }
        if (planned.kind === 'rejected') {
            refuse(batch, row, planned);
            continue;
        }
        // The version after an earlier command of the same batch is not known.
        if (planned.guarded && touched.has(row.target)) break;
        bytes += JSON.stringify(planned.command).length;
        if (batch.commands.length === COMMANDS_MAX || (bytes > COMMAND_BYTES_MAX && batch.commands.length > 0)) break;
        touched.add(row.target);
        if (row.op === 'put') created.add(row.target);
        batch.commands.push(planned.command);
        batch.rows.set(row.id, row);
        if (isProbe) break;
        if (!row.sent) batch.sent.push({ ...row, sent: now });
    }
    return batch;
}

/** @param {Batch} batch @param {Row} row @param {{ fields: Record<string, any> | null, code: string, rest: Record<string, any> | null }} planned */
function refuse(batch, row, { fields, code, rest }) {
    batch.rejected.push(rejection(row, fields, { status: 412, code, title: '' }));
    if (!rest) {
        batch.ended.push(row);
        return;
    }
    const effects = row.effects.map((effect) => (effect.id === row.target ? { ...effect, patch: rest } : effect));
    batch.changed.push({ ...row, body: rest, effects });
}

/**
 * The server's copy, with the effects of commands that the server has, or gets before, and that the copy does not contain
 * yet. Otherwise a change that takes back an earlier one of the same batch would seem to change nothing. The version goes on
 * only without a gap: in a gap is a change of somebody else, which this browser has not seen.
 * @param {Kind} type @param {string} id @param {Batch} batch
 */
function seen(type, id, batch) {
    let object = base[type].get(id);
    for (const row of rows.values()) {
        if (!row.acked && !batch.rows.has(row.id)) continue;
        const isTarget = row.type === type && row.target === id;
        if (isTarget && object && row.version && row.version <= object.version) continue;
        for (const effect of row.effects) {
            if (effect.type !== type || effect.id !== id) continue;
            object = effect.patch === null ? undefined : { ...object, ...effect.patch, version: object?.version ?? 0 };
        }
        if (isTarget && object && row.version === object.version + 1) object = { ...object, version: row.version };
    }
    return object;
}
