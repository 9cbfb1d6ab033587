/** The stream of changes that other devices and programs make. `EventSource` cannot send the access token. */

import { address, apiError, read } from './api.js';
import { metaNow } from './held.js';
import { takeEvent } from './sync.js';
import { tokenOrEnd } from './tokens.js';

// The service sends something every 15 s.
const SILENCE_MS = 40_000;

/**
 * Applies changes until the stream ends or `signal` aborts it.
 * @param {AbortSignal} signal
 */
export async function follow(signal) {
    const stop = new AbortController();
    signal.addEventListener('abort', () => stop.abort(), { once: true });
    let timer = setTimeout(() => stop.abort(), SILENCE_MS);
    try {
        const reader = (await open(stop.signal)).getReader();
        const decoder = new TextDecoder();
        for (let rest = ''; ;) {
            const { done, value } = await reader.read();
            if (done) return;
            clearTimeout(timer);
            timer = setTimeout(() => stop.abort(), SILENCE_MS);
            const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n');
            rest = blocks.pop() ?? '';
            for (const block of blocks) if (stop.signal.aborted || !await take(parse(block))) return;
        }
    } finally {
        clearTimeout(timer);
        stop.abort();
    }
}

/** @param {AbortSignal} signal */
async function open(signal) {
    const token = await tokenOrEnd();
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${token}`, 'last-event-id': metaNow().token ?? '' };
    try {
        const response = await fetch(address('v1/events'), { headers, signal, redirect: 'manual', cache: 'no-store' });
        if (response.ok && response.body && response.headers.get('content-type')?.startsWith('text/event-stream')) return response.body;
        await read(response);
    } catch (error) {
        throw apiError(error);
    }
    throw apiError('no stream');
}

/** @param {string} block */
function parse(block) {
    const event = { event: '', id: '', data: '' };
    for (const line of block.split('\n')) {
        const [, name, value] = /^(event|id|data): ?(.*)$/.exec(line) ?? [];
        if (name) event[/** @type {'event' | 'id' | 'data'} */ (name)] += value;
    }
    return event;
}

/** @param {{ event: string, id: string, data: string }} event @returns whether the stream goes on */
async function take({ event, id, data }) {
    if (event === 'change') await takeEvent(JSON.parse(data), id);
    return event !== 'bye';
}
