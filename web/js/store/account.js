/** The account of the user: requests whose errors the views show. */

import { send } from './api.js';
import { confirm, forgetUser, rememberUser, signInAfter } from './session.js';
import { authorized } from './tokens.js';

/** @typedef {{ id: string, device: string | null, ip: string | null, created_at: string, last_used_at: string, current: boolean }} BrowserSession */

/** Before an operation that needs the password. @param {string} [password] */
async function given(password) {
    if (password !== undefined) await confirm(password);
}

/** @returns {Promise<import('./types.js').User>} */
async function read() {
    const user = await authorized('GET', 'v1/user');
    await rememberUser(user);
    return user;
}

/** @param {{ email?: string | null, time_zone?: string | null }} fields */
async function patch(fields) {
    const user = await authorized('PATCH', 'v1/user', fields);
    await rememberUser(user);
    return user;
}

/** @param {string} current @param {string} next @param {boolean} [endTokens] ends personal access tokens too */
async function changePassword(current, next, endTokens = false) {
    const fields = { current_password: current, new_password: next, ...(endTokens && { end_tokens: true }) };
    await signInAfter(async (token) => {
        // The tokens of the response belong to a session that this browser does not use.
        const tokens = await send('PUT', 'v1/user/password', fields, token);
        await send('POST', 'v1/logout', undefined, tokens.access_token).catch(() => {});
    }, next);
}

/** @returns {Promise<BrowserSession[]>} */
async function sessions() {
    return (await authorized('GET', 'v1/sessions')).items;
}

/** @param {string} id */
async function endSession(id) {
    await authorized('DELETE', `v1/sessions/${id}`);
}

/** One by one, because ending all others at once would replace the refresh token, which only the cookie may hold. */
async function endOthers() {
    const others = (await sessions()).filter((session) => !session.current);
    for (const { id } of others) await endSession(id);
}

async function tokens() {
    return (await authorized('GET', 'v1/tokens')).items;
}

/** @param {{ name: string, scopes: string[], expires_at?: string | null }} fields @param {string} [password] */
async function createToken(fields, password) {
    await given(password);
    return await authorized('POST', 'v1/tokens', fields);
}

/** @param {string} id @param {string} [password] */
async function endToken(id, password) {
    await given(password);
    await authorized('DELETE', `v1/tokens/${id}`);
}

/** @param {string} [password] */
async function deleteAccount(password) {
    await given(password);
    await authorized('DELETE', 'v1/user');
    await forgetUser();
}

export const account = {
    read, patch, changePassword, sessions, endSession, endOthers, tokens, createToken, endToken, deleteAccount, confirm,
};
