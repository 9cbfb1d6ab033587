/** The account as a file, and files of this and other services. */

import { zipOf } from '../model/zip.js';
import { address, ApiError, apiError, read } from './api.js';
import { authorized, isRefusal, tokenOrEnd } from './tokens.js';

// A little longer than an import with its upload takes at most.
const TIMEOUT_MS = 80_000;
const POLL_MS = 1_000;
// Of a request, and of what it may unpack to.
const UPLOAD_MAX = 16 * 1024 * 1024;
const UNPACKED_MAX = 64 * 1024 * 1024;
const KNOWN_NAME = /\.(json|csv|txt|ics)$/i;

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

/**
 * What is sent of a file: a large one goes into a zip archive, because the service takes less without one.
 * @param {File} file @returns {Promise<Blob>}
 */
export async function packed(file) {
    if (file.size <= UPLOAD_MAX) return file;
    const isArchive = await file.slice(0, 2).text() === 'PK';
    if (isArchive || file.size > UNPACKED_MAX || typeof CompressionStream === 'undefined') throw tooLarge();
    const gzip = await new Response(file.stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer();
    // A name such as `Tasks.json` would say that the archive is of another service.
    const extension = KNOWN_NAME.exec(file.name)?.[1] ?? 'txt';
    const archive = new Blob(zipOf(`import.${extension}`, new Uint8Array(gzip)), { type: 'application/zip' });
    if (archive.size > UPLOAD_MAX) throw tooLarge();
    return archive;
}

const tooLarge = () => new ApiError({ status: 413, code: 'file_too_large', title: 'The file is too large.' });

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
