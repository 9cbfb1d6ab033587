/** Prepares the search while nothing else happens. */

import { prepareSearch } from '../model/search.js';
import { effect } from '../../vendor/ui.js';
import { all, status } from './state.js';

const BATCH = 100;
const DELAY_MS = 2_000;

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
