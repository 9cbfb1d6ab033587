/** Requests to the service. */

/** @typedef {import('./types.js').Problem} Problem */

// A little longer than the service takes at most.
const TIMEOUT_MS = 15_000;

/** The address of a route, also below a path of a proxy. @param {string} path */
export function address(path) {
    return new URL(path, document.baseURI).href;
}

/** An error of the API, or `offline` (no response), or `not_the_service` (a proxy responded). */
export class ApiError extends Error {
    /** @param {Problem} problem @param {number} [retryAfter] in seconds */
    constructor(problem, retryAfter) {
        super(problem.detail ?? problem.title);
        this.status = problem.status;
        this.code = problem.code;
        this.title = problem.title;
        this.detail = problem.detail;
        this.errors = problem.errors ?? [];
        this.retryAfter = retryAfter;
    }
}

/** @param {unknown} error @returns {ApiError} */
export function apiError(error) {
    if (error instanceof ApiError) return error;
    return new ApiError({ status: 0, code: 'offline', title: 'The service cannot be reached.', detail: String(error) });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {string | null} [token]
 * @returns {Promise<any>} the body of the response; `null` if it has none
 */
export async function send(method, path, body, token) {
    /** @type {Record<string, string>} */
    const headers = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (token) headers.authorization = `Bearer ${token}`;
    const response = await fetched(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    return await read(response);
}

/** @param {string} path @param {RequestInit} options */
async function fetched(path, options) {
    try {
        return await fetch(address(path), {
            ...options, redirect: 'manual', cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS),
        });
    } catch (error) {
        throw apiError(error);
    }
}

/** @param {Response} response */
export async function read(response) {
    const type = response.headers.get('content-type') ?? '';
    const isJson = /[/+]json\b/.test(type);
    // The service neither redirects these routes nor responds with HTML, so a proxy did.
    if (response.type === 'opaqueredirect' || (response.status !== 204 && !isJson && !type.startsWith('text/event-stream'))) {
        const status = response.status >= 500 ? 503 : 0;
        throw new ApiError({ status, code: status ? 'unavailable' : 'not_the_service', title: 'A proxy responded.' });
    }
    let body = /** @type {any} */ (null);
    try {
        body = isJson ? await response.json() : null;
    } catch (error) {
        throw apiError(error);
    }
    if (response.ok) return body;
    const retryAfter = Number(response.headers.get('retry-after')) || undefined;
    throw new ApiError({ title: '', code: '', ...body, status: response.status }, retryAfter);
}
