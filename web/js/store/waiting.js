/** Changes that wait in this browser for users who are signed out, so that the page for signing in can say so. */

import { readCommon, writeCommon } from './db.js';
import { rejected, status, waiting } from './state.js';

/** @typedef {import('./types.js').User} User */
/** @typedef {Record<string, { name: string, n: number }>} Waiting */

const KEY = 'waiting';

/** @returns {Promise<Waiting>} */
async function readEntries() {
    const [entries] = await readCommon(KEY);
    return entries ?? {};
}

/** @param {(entries: Waiting) => void} change */
async function update(change) {
    const entries = await readEntries();
    change(entries);
    waiting.value = Object.values(entries);
    await writeCommon({ [KEY]: entries });
}

/** Reads what is known from before. */
export async function readWaiting() {
    waiting.value = Object.values(await readEntries());
}

/** Counts what the user who leaves now has not sent. @param {User} user */
export function nowWaits({ id, username }) {
    const n = status.peek().unsent + rejected.peek().length;
    return n > 0 ? update((entries) => { entries[id] = { name: username, n }; }) : waitsNoMore(id);
}

/** @param {string} userId */
export async function waitsNoMore(userId) {
    if ((await readEntries())[userId]) await update((entries) => { delete entries[userId]; });
}
