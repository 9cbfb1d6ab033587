/** Signing in and out, and who is signed in when the client opens. */

import { ApiError, apiError, send } from './api.js';
import { listen, openChannel, speakFor, tell } from './channel.js';
import { isOpen, onGone, open, readCommon, wipe, writeCommon } from './db.js';
import { reset, restore, sameUser, storeAgain } from './held.js';
import { prepareWhileIdle } from './idle.js';
import { flush, join, joinAgain, leave, startLeader } from './leader.js';
import { startOutbox, stored } from './outbox.js';
import { clearAll, session, setStatus } from './state.js';
import { adopt, exclusively, forget, onEnded, onReplaced, ownTokens, renewed, startTokens, tokenOrEnd } from './tokens.js';
import { forgetActions } from './undo.js';
import { startUpdates } from './updates.js';
import { nowWaits, readWaiting, waitsNoMore } from './waiting.js';

/** @typedef {import('./types.js').SignedIn} SignedIn */

// The first todos of a user are shown at once; without them, the page shows after this time that it waits for them.
const PATIENCE_MS = 1_000;

let isStarted = false;

/** Opens the database, and shows what it holds before the service responds. */
export async function start() {
    if (isStarted) return;
    isStarted = true;
    openChannel();
    startTokens();
    startOutbox();
    startLeader();
    onEnded((error) => void endedElsewhere(error));
    onReplaced((other) => void begin(other));
    onGone(() => void keepAgain());
    listen('session', () => void followSession());
    startUpdates();
    prepareWhileIdle();
    const [known, isSigningOut] = await readCommon('session', 'signing_out');
    if (isSigningOut) await finishSignOut();
    if (known) {
        await enter(known);
        return;
    }
    try {
        const access = await renewed();
        if (access) await begin(access);
    } catch {
        // Nothing is known of this user without the service.
        setStatus({ ready: true });
    }
    if (session.peek() !== 'unknown') return;
    showSignIn();
    await readWaiting();
}

function showSignIn() {
    setStatus({ ready: true });
    session.value = null;
}

/** @param {SignedIn} who */
async function enter(who) {
    reset();
    speakFor(who.user.id);
    ownTokens(who.user.id);
    const opened = await open(who.user.id);
    // In a new database there is nothing to read.
    if (!opened?.isNew) await restore();
    session.value = who;
    join();
    const isSame = sameUser();
    setTimeout(() => isSame() && setStatus({ ready: true }), PATIENCE_MS);
}

/** After a login, or a renewal of a session that this browser did not know. @param {import('./tokens.js').Access} access */
async function begin({ user, sessionId }) {
    const who = { user, sessionId };
    const before = session.peek();
    const isSameUser = before && before !== 'unknown' && before.user.id === user.id;
    const writing = [remember(who, { signing_out: undefined })];
    if (isSameUser) session.value = who;
    else {
        // Counts at once. To wait here would leave time to send changes of the user before with the token of this one.
        if (before && before !== 'unknown') writing.push(nowWaits(before.user));
        drop();
        await enter(who);
    }
    await Promise.all(writing);
    tell('session');
}

/** @param {SignedIn} who @param {Record<string, unknown>} [more] */
async function remember(who, more = {}) {
    // `used`: what nobody but the browser, or its user in the settings of the browser, removes.
    await writeCommon({ session: who, used: true, ...more });
}

/** Somebody has deleted the database, or it cannot be used any more. */
async function keepAgain() {
    const who = session.peek();
    if (!who || who === 'unknown') return;
    const isSame = sameUser();
    const [isWhole, known] = await readCommon('used', 'session');
    if (!isSame()) return;
    // Another tab signs out, and deletes it for that.
    if (isWhole && known?.user.id !== who.user.id) return await followSession();
    await remember(who);
    if (isSame() && await open(who.user.id)) await storeAgain();
    if (isSame() && !isOpen()) joinAgain();
}

/** Forgets the user in this tab. */
function drop() {
    leave();
    reset();
    speakFor(null);
    ownTokens(null);
    clearAll();
    forgetActions();
}

/** Another tab has signed in or out. */
async function followSession() {
    const [who] = await readCommon('session');
    const before = session.peek();
    const known = before && before !== 'unknown' ? before.user.id : null;
    if (who?.user.id === known) {
        if (who) session.value = who;
        return;
    }
    await stored();
    drop();
    forget();
    if (who) await enter(who);
    else {
        showSignIn();
        await readWaiting();
    }
}

/** What the list of sessions shows. */
function deviceName() {
    const agent = navigator.userAgent;
    const browser = ['Edg', 'Firefox', 'OPR', 'Chrome', 'Safari'].find((name) => agent.includes(`${name}/`));
    const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find((name) => agent.includes(name));
    const names = [browser === 'Edg' ? 'Edge' : browser === 'OPR' ? 'Opera' : browser, system].filter(Boolean);
    return names.join(', ') || 'web client';
}

/** @param {string} username @param {string} password @param {string} [newPassword] */
async function logIn(username, password, newPassword) {
    const fields = { username, password, device: deviceName(), ...(newPassword && { new_password: newPassword }) };
    return adopt(await send('POST', 'web/login', fields));
}

/** @param {string} username @param {string} password @param {string} [newPassword] replaces one for one use */
export async function signIn(username, password, newPassword) {
    await begin(await exclusively(() => logIn(username, password, newPassword)));
}

/**
 * Does something that ends all sessions of the user, and signs in again, because only the cookie may hold a refresh token.
 * @param {(token: string) => Promise<void>} work @param {string} password valid after that
 */
export async function signInAfter(work, password) {
    const token = await tokenOrEnd();
    await begin(await exclusively(async () => {
        await work(token);
        return await logIn(current().user.username, password);
    }));
}

function current() {
    const who = session.peek();
    if (!who || who === 'unknown') throw new ApiError({ status: 401, code: 'token_missing', title: 'Nobody is signed in.' });
    return who;
}

/** @param {{ username: string, password: string, email?: string }} fields */
export async function register(fields) {
    await send('POST', 'v1/register', fields);
    await signIn(fields.username, fields.password);
}

/** Gives the password again, for what needs a fresh token. @param {string} password */
export async function confirm(password) {
    await signIn(current().user.username, password);
}

/** Changes that cannot be sent now stay in this browser until the same user signs in again. */
export async function signOut() {
    await flush();
    const who = session.peek();
    // The session must end on the server too, also if it cannot be reached now.
    await writeCommon({ signing_out: true });
    await leaveUser(who);
    await finishSignOut();
}

async function finishSignOut() {
    try {
        await send('POST', 'web/logout');
        await writeCommon({ signing_out: undefined });
    } catch (error) {
        if (apiError(error).status === 403) await writeCommon({ signing_out: undefined });
    }
}

/** @param {import('./types.js').Session} who @param {boolean} [keeps] changes that were not sent */
async function leaveUser(who, keeps = true) {
    if (who && who !== 'unknown') await (keeps ? nowWaits(who.user) : waitsNoMore(who.user.id));
    await stored();
    forget();
    drop();
    await writeCommon({ session: undefined });
    showSignIn();
    // Before the database goes, so that the other tabs do not keep it.
    tell('session');
    if (who && who !== 'unknown') await wipe(who.user.id, keeps);
}

/** @param {ApiError} error */
async function endedElsewhere({ code }) {
    const who = session.peek();
    if (!who || who === 'unknown') return;
    if (code === 'token_revoked') {
        // On another device, or by an admin: perhaps because this device was lost.
        await leaveUser(who);
        return;
    }
    await nowWaits(who.user);
    await stored();
    drop();
    forget();
    await writeCommon({ session: undefined });
    showSignIn();
    tell('session');
}

/** After the account was deleted. */
export async function forgetUser() {
    await leaveUser(session.peek(), false);
    await finishSignOut();
}

/** @param {import('./types.js').User} user */
export async function rememberUser(user) {
    const who = session.peek();
    if (!who || who === 'unknown') return;
    session.value = { ...who, user };
    await remember({ ...who, user });
}

