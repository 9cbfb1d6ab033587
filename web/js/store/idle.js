/** What waits until the first view is painted. */

import { prepareSearch } from '../model/search.js';
import { effect } from '../../vendor/ui.js';
import { all, status } from './state.js';

const AFTER_PAINT_MS = 500;
const BATCH = 100;
const DELAY_MS = 2_000;

/** Runs once, after the first todos or the page for signing in, so that it does not delay them. @param {() => void} work */
export function afterOpening(work) {
    let isBegun = false;
    effect(() => {
        if (!status.value.ready || isBegun) return;
        isBegun = true;
        setTimeout(work, AFTER_PAINT_MS);
    });
}

/** Prepares the search while nothing else happens. */
export function prepareWhileIdle() {
    const idle = globalThis.requestIdleCallback ?? ((/** @type {() => void} */ work) => setTimeout(work, 20));
    let [isWaiting, at] = [false, 0];
    const next = () => {
        const todos = all();
        prepareSearch(todos.slice(at, at + BATCH));
        at += BATCH;
        if (at < todos.length) idle(next);
        else isWaiting = false;
    };
    // `all` here would run this after each change, and a changed todo is prepared by the next search.
    effect(() => {
        if (!status.value.ready || isWaiting) return;
        [isWaiting, at] = [true, 0];
        setTimeout(() => idle(next), DELAY_MS);
    });
}
