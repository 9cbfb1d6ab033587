/**
 * The access token, which is only in memory, and its renewal by the cookie. One tab renews and tells the others, because each
 * renewal replaces the cookie.
 */

import { listen, named, tell } from './channel.js';
import { ApiError, apiError, send } from './api.js';

/** @typedef {{ value: string, until: number, user: import('./types.js').User, sessionId: string }} Access */

const LOCK = 'todo-refresh';
// Before the end of a token, so that it does not expire on its way.
const MARGIN_MS = 20_000;
const PATIENCE_MS = 100;
// Another tab may be replacing the cookie at this moment.
const SECOND_TRY_MS = 1_500;

/** @type {Access | null} */
let access = null;
let adoptedAt = -Infinity;
// Raised when the user signs out, so that a renewal that was under way does not sign in again.
let epoch = 0;
/** @type {string | null} the user of this tab */
let owner = null;
/** @type {(() => void) | null} */
let arrived = null;
/** @type {(error: ApiError) => void} */
let ended = () => {};
/** @type {(other: Access) => void} */
let replaced = () => {};

/** @param {(error: ApiError) => void} listener runs when the session has ended on the server */
export function onEnded(listener) {
    ended = listener;
}

/** @param {(other: Access) => void} listener runs when the cookie turns out to be of another user than this tab */
export function onReplaced(listener) {
    replaced = listener;
}

/** From now on only tokens of this user are taken. @param {string | null} userId */
export function ownTokens(userId) {
    owner = userId;
    if (access && owner && access.user.id !== owner) access = null;
}

export function startTokens() {
    listen('access', ({ access: other }) => {
        if (isOwn(other) && (!access || other.until > access.until)) access = other;
        arrived?.();
    });
    listen('access?', () => {
        if (isValid()) tell('access', { access });
    });
}

export const accessOf = () => access;

/** When the service gave this tab its last token, as `performance.now()`. */
export const renewedAt = () => adoptedAt;

/** @param {any} body of a login or refresh @returns {Access} */
const accessIn = (body) => (
    { value: body.access_token, until: Date.now() + body.expires_in * 1000, user: body.user, sessionId: body.session_id });

/** @param {any} body of a login or refresh @returns {Access} */
export function adopt(body) {
    access = accessIn(body);
    adoptedAt = performance.now();
    tell('access', { access, user: access.user.id });
    return access;
}

/** @param {Access} other */
const isOwn = (other) => owner === null || other.user.id === owner;

export function forget() {
    access = null;
    epoch += 1;
}

const isValid = () => access !== null && access.until - MARGIN_MS > Date.now();

/**
 * A valid token; `null` if nobody is signed in.
 * @param {string} [refused] a token that the service has refused
 * @returns {Promise<Access | null>}
 */
export async function renewed(refused) {
    if (isValid() && access?.value !== refused) return access;
    return await exclusively(() => renew(refused));
}

/** While no tab renews its token. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
export async function exclusively(work) {
    return navigator.locks ? await navigator.locks.request(named(LOCK), work) : await work();
}

/** @param {string} [refused] */
async function renew(refused) {
    await askOthers();
    if (isValid() && access?.value !== refused) return access;
    const began = epoch;
    const body = await send('POST', 'web/refresh');
    if (began !== epoch || !body) return null;
    const found = accessIn(body);
    if (isOwn(found)) return adopt(body);
    // Somebody else signed in. What this tab holds must not be sent with the token of another user.
    replaced(found);
    throw new ApiError({ status: 0, code: 'left', title: 'Another user is signed in.' });
}

async function askOthers() {
    // Other tabs listen only to a tab of the same user.
    if (typeof BroadcastChannel === 'undefined' || owner === null) return;
    await new Promise((resolve) => {
        arrived = () => resolve(undefined);
        setTimeout(resolve, PATIENCE_MS);
        tell('access?');
    });
    arrived = null;
}

/** As {@link send}, with a token. @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export async function authorized(method, path, body) {
    const token = await tokenOrEnd();
    try {
        return await send(method, path, body, token);
    } catch (error) {
        if (!isRefusal(error)) throw error;
        return await send(method, path, body, await tokenOrEnd(token));
    }
}

/** @param {unknown} error */
export function isRefusal(error) {
    const { status, code } = apiError(error);
    return status === 401 && ['token_expired', 'token_invalid', 'token_revoked', 'token_missing'].includes(code);
}

/** @param {string} [refused] @returns {Promise<string>} */
export async function tokenOrEnd(refused) {
    const began = epoch;
    const missing = () => new ApiError({ status: 401, code: 'token_missing', title: 'Nobody is signed in.' });
    for (let isSecond = false; ; isSecond = true) {
        try {
            const found = await renewed(refused);
            if (found && began === epoch) return found.value;
            throw missing();
        } catch (error) {
            // Only the service ends a session: without a network the user stays signed in.
            const isOver = isRefusal(error) && isSecond;
            if (isOver && began === epoch) ended(apiError(error));
            if (isOver || !isRefusal(error) || began !== epoch) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, SECOND_TRY_MS));
    }
}
