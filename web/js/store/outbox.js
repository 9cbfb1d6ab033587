/** Commands that wait for the server. */

import { newCommandId } from '../model/ids.js';
import { addRows } from './state.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {Omit<Row, 'seq' | 'id' | 'at'>} Command */

let newest = 0;

/** Shows commands at once, and stores them for sending. @param {Command[]} commands */
export function enqueue(commands) {
    const at = new Date().toISOString();
    const rows = commands.map((command) => ({ ...command, seq: nextSeq(), id: newCommandId(), at }));
    addRows(rows);
}

// Ordered by time across the tabs of a browser.
function nextSeq() {
    newest = Math.max(newest + 1, Date.now() * 1000);
    return newest;
}
