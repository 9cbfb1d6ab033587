/** The account as a file, and files of this and other services. */

import { address, apiError, read } from './api.js';
import { authorized, isRefusal, tokenOrEnd } from './tokens.js';

// A little longer than an import with its upload takes at most.
const TIMEOUT_MS = 80_000;
const POLL_MS = 1_000;

/** @param {string} method @param {string} path @param {Blob} [file] @returns {Promise<Response>} */
async function request(method, path, file) {
    const token = await tokenOrEnd();
    const response = await sent(method, path, file, token);
    if (response.status !== 401) return response;
    const refused = await read(response).catch((error) => error);
    if (!isRefusal(refused)) throw refused;
    return await sent(method, path, file, await tokenOrEnd(token));
}

/** @param {string} method @param {string} path @param {Blob | undefined} body @param {string} token */
async function sent(method, path, body, token) {
    const headers = { accept: '*/*', authorization: `Bearer ${token}` };
    try {
        return await fetch(address(path), { method, headers, body, redirect: 'manual', cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
        throw apiError(error);
    }
}

/** @param {string} format @returns {Promise<{ name: string, content: Blob }>} */
export async function exported(format) {
    const response = await request('GET', `v1/user/export?format=${encodeURIComponent(format)}`);
    const named = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '');
    // Without a name, it is an error, or a proxy responded.
    if (!response.ok || !named) throw apiError(await read(response).catch((error) => error));
    return { name: named[1], content: await response.blob() };
}

/** What an import of the file would do. @param {Blob} file */
export async function planned(file) {
    return await read(await request('POST', 'v1/import?dry_run=true', file));
}

/** Imports the file, and waits until everything is written. @param {Blob} file @param {(progress: any) => void} show */
export async function imported(file, show) {
    let { import: state } = await read(await request('POST', 'v1/import', file));
    while (state.state === 'running') {
        show(state);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        state = await authorized('GET', `v1/imports/${state.id}`);
    }
    return state;
}

/** @param {string} id */
export async function undone(id) {
    return await authorized('POST', `v1/imports/${id}/undo`);
}

/** The imports that can be undone, the newest first. @returns {Promise<any[]>} */
export async function earlier() {
    return (await authorized('GET', 'v1/imports')).items;
}
