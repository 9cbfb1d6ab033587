/** Signing in and out. */

import { clearAll, session, setStatus } from './state.js';
import { forgetActions } from './undo.js';

/** @param {string} name @param {string} password */
export async function signIn(name, password) {
    void password;
    session.value = { user: { id: '0', username: name }, sessionId: null };
    setStatus({ ready: true, complete: true });
}

/** @param {{ username: string, password: string, email?: string }} fields */
export async function register(fields) {
    await signIn(fields.username, fields.password);
}

export async function signOut() {
    clearAll();
    forgetActions();
    session.value = null;
}
