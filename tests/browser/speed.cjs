// How fast the web client is: its first load, and 10,000 todos. scripts/browser starts this. The first load ends when the todos
// are painted. The times with 10,000 todos are those that the main thread of the page computes until the result is painted, so
// other programs on the machine count little. `THROTTLE` is how many times slower Chromium makes the processor; the bounds hold
// without it, and for the first load and for opening with 4. A search paints its first results before the others, so `full
// screen` is the time until they fill the window.
'use strict';

const assert = require('node:assert/strict');
const { base, call, run } = require('./support.cjs');

const PASSWORD = 'a long enough word';
const TODOS = 10_000;
const ROUNDS = 5;
const READY_MS = 120_000;
// Meanwhile nothing asks the page whether it is ready: the answers would be computed in the same thread.
const OPENED_MS = 5_000;
// Sync sends what is new once more for a minute, and the search is prepared while nothing else happens.
const SETTLED_MS = Number(process.env.SETTLED_MS ?? 70_000);
const PAUSE_MS = 1_500;
const LETTER_MS = 200;
const OPEN_THROTTLE = 4;
const FEW_TODOS = 20;
const QUERIES = ['uberw', 'mü 7', 'rechn', 'zz', 'über 12'];
/** Milliseconds at most, of the median. */
const BOUNDS = {
    'first load': 1_000, open: 1_000, 'tick in inbox': 50, 'tick in today': 50, search: 30, 'search after a change': 30, letter: 30,
};
/** What the main thread does in the events of a trace. The rest is script. */
const SHARES = { UpdateLayoutTree: 'style', Layout: 'layout', PrePaint: 'paint', Paint: 'paint', Layerize: 'paint', Commit: 'paint' };

/** The account as a file of comma-separated values. */
function table() {
    const lists = ['', 'Home', 'Work', 'Garden', 'Trip', 'Ideas'];
    const day = (index) => new Date(Date.now() + ((index % 400) - 20) * 86_400_000).toISOString().slice(0, 10);
    const line = (index) => [
        `Überweisung ${index} an Müller`, lists[index % lists.length], index % 3 ? '' : day(index), index % 5 ? '' : `tag${index % 12}`,
        ['', 'low', 'medium', 'high'][index % 4], index % 2 ? 'Rechnung vom letzten Monat' : '',
    ].join();
    return ['Title,List,Due,Tags,Priority,Notes', ...Array.from({ length: TODOS }, (_, index) => line(index))].join('\n');
}

/** A token of a new user. */
async function registered(name) {
    await call('POST', '/v1/register', { username: name, password: PASSWORD });
    const { body } = await call('POST', '/v1/login', { username: name, password: PASSWORD });
    return body.access_token;
}

async function filled(name) {
    const token = await registered(name);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/csv' };
    const response = await fetch(`${base}/v1/import`, { method: 'POST', headers, body: table() });
    let { import: state } = await response.json();
    while (state.state === 'running') {
        await new Promise((resolve) => setTimeout(resolve, 200));
        state = (await call('GET', `/v1/imports/${state.id}`, undefined, token)).body;
    }
    assert.equal(state.todos.created, TODOS);
}

async function signIn(page, name) {
    await page.goto(`${base}/#/inbox`);
    await page.getByLabel('Username').fill(name);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.locator('main li.row').first().waitFor({ timeout: READY_MS });
    await page.waitForFunction(() => document.querySelector('.sidebar .count')?.textContent, undefined, { timeout: READY_MS });
}

/** Runs in the page: marks when it opens, and when its first todos are painted. */
function markOpening() {
    performance.mark('open:begin');
    globalThis.afterPaint = () => new Promise((resolve) => {
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = resolve;
            port2.postMessage(null);
        });
    });
    const observer = new MutationObserver(async () => {
        if (!document.querySelector('main li.row')) return;
        observer.disconnect();
        await globalThis.afterPaint();
        performance.mark('open:end');
        globalThis.isOpened = true;
    });
    observer.observe(document, { childList: true, subtree: true });
}

/**
 * Does something in the page, and waits until the result is painted. It begins with a frame, because the page would compute
 * while it waits for one: that is how Chromium slows a processor.
 */
const marked = (page, what, act, value) => page.evaluate(([what, act, value]) => new Promise((resolve) => {
    requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => {
            performance.mark(`${what}:end`);
            resolve();
        };
        performance.mark(`${what}:begin`);
        globalThis.acts[act](value);
        port2.postMessage(null);
    });
}), [what, act, value]);

/** Waits until the results of a search fill the window. */
const fillsWindow = (page) => page.evaluate(async () => {
    const end = () => document.querySelector('main .center')?.getBoundingClientRect().top ?? Infinity;
    while (end() < innerHeight) await globalThis.afterPaint();
    performance.mark('full screen:end');
});

/** What the page can do. */
function defineActs() {
    globalThis.acts = {
        search: (text) => {
            performance.mark('full screen:begin');
            const field = document.getElementById('search');
            field.value = text;
            field.dispatchEvent(new Event('input'));
        },
        tick: () => document.querySelector('main li.row:nth-child(3) input[type=checkbox]').click(),
    };
}

/** The milliseconds that the main thread has computed between the marks of each act, and for what. */
function timesIn(trace) {
    const events = JSON.parse(trace).traceEvents.sort((a, b) => a.ts - b.ts);
    const times = {};
    const begun = {};
    for (const mark of events.filter(({ cat }) => cat?.includes('blink.user_timing'))) {
        const [what, end] = mark.name.split(':');
        if (end === 'begin') begun[what] = mark;
        if (end !== 'end') continue;
        const { ts, tts } = begun[what];
        const found = { all: (mark.tts - tts) / 1000, style: 0, layout: 0, paint: 0 };
        for (const event of events) {
            const isIn = event.ts >= ts && event.ts < mark.ts && event.tid === mark.tid && event.pid === mark.pid;
            if (isIn && event.ph === 'X' && SHARES[event.name]) found[SHARES[event.name]] += (event.tdur ?? 0) / 1000;
        }
        (times[what] ??= []).push(found);
    }
    return times;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Such as `search: 9, 8, 11 ms; style 14 %, layout 19 %, paint 16 %`. */
function line(what, found) {
    const sum = (name) => found.reduce((total, one) => total + one[name], 0);
    const shares = ['style', 'layout', 'paint'].map((name) => `${name} ${((100 * sum(name)) / sum('all')).toFixed(0)} %`);
    return `    ${what}: ${found.map(({ all }) => all.toFixed(0)).join(', ')} ms; ${shares.join(', ')}`;
}

async function rounds(page, what, act, view, values) {
    for (const value of values) {
        await page.goto(`${base}/#/${view}`);
        await page.waitForTimeout(PAUSE_MS);
        await marked(page, what, act, value);
        if (act === 'search') await fillsWindow(page);
    }
}

/** Each letter of a query. */
async function typing(page, query) {
    await page.goto(`${base}/#/search`);
    await page.waitForTimeout(PAUSE_MS);
    for (let letters = 1; letters <= query.length; letters += 1) {
        await marked(page, 'letter', 'search', query.slice(0, letters));
        await page.waitForTimeout(LETTER_MS);
    }
}

const throttle = (cdp, rate) => cdp.send('Emulation.setCPUThrottlingRate', { rate });

async function acts(page, cdp) {
    await throttle(cdp, OPEN_THROTTLE);
    for (let round = 0; round < ROUNDS; round += 1) {
        await page.reload({ waitUntil: 'commit' });
        await page.waitForTimeout(OPENED_MS);
        assert.ok(await page.evaluate(() => globalThis.isOpened), 'the todos are not painted');
    }
    await throttle(cdp, Number(process.env.THROTTLE ?? 1));
    await page.waitForTimeout(SETTLED_MS / 5);
    for (const view of ['inbox', 'today']) await rounds(page, `tick in ${view}`, 'tick', view, QUERIES);
    await rounds(page, 'search', 'search', 'search', QUERIES);
    for (const query of QUERIES) await typing(page, query);
    for (const query of QUERIES) {
        await rounds(page, 'tick', 'tick', 'inbox', [query]);
        await rounds(page, 'search after a change', 'search', 'search', [query]);
    }
}

/** In milliseconds. Each time in a browser that has only the cookie of the session, so everything is fetched and stored anew. */
async function firstLoad(browser) {
    const name = `first${process.pid}`;
    const token = await registered(name);
    for (let number = 0; number < FEW_TODOS; number += 1) await call('POST', '/v1/todos', { name: `Todo ${number}` }, token);
    const first = await browser.newContext();
    await signIn(await first.newPage(), name);
    let { cookies } = await first.storageState();
    await first.close();
    const times = [];
    for (let round = 0; round < ROUNDS; round += 1) {
        const context = await browser.newContext({ locale: 'en-GB' });
        await context.addCookies(cookies);
        const page = await context.newPage();
        await page.addInitScript(markOpening);
        await throttle(await context.newCDPSession(page), OPEN_THROTTLE);
        await page.goto(`${base}/#/inbox`, { waitUntil: 'commit' });
        await page.waitForTimeout(OPENED_MS);
        times.push(await page.evaluate(() => performance.getEntriesByName('open:end')[0].startTime));
        // Each use of the session replaces its cookie.
        ({ cookies } = await context.storageState());
        await context.close();
    }
    console.log(`    first load: ${times.map((time) => time.toFixed(0)).join(', ')} ms`);
    return times;
}

/** The same for each act with many todos. */
async function withManyTodos(browser) {
    const name = `quick${process.pid}`;
    await filled(name);
    const context = await browser.newContext({ locale: 'en-GB' });
    const page = await context.newPage();
    await page.addInitScript(markOpening);
    await page.addInitScript(defineActs);
    await signIn(page, name);
    await page.waitForTimeout(SETTLED_MS);
    const cdp = await context.newCDPSession(page);
    const profile = process.env.PROFILE;
    if (profile) for (const method of ['enable', 'start']) await cdp.send(`Profiler.${method}`);
    await browser.startTracing(page, { categories: ['blink.user_timing', 'devtools.timeline', 'toplevel'] });
    await acts(page, cdp);
    const trace = await browser.stopTracing();
    if (profile) require('node:fs').writeFileSync(profile, JSON.stringify((await cdp.send('Profiler.stop')).profile));
    await context.close();
    const times = timesIn(trace);
    for (const [what, found] of Object.entries(times)) console.log(line(what, found));
    return Object.fromEntries(Object.entries(times).map(([what, found]) => [what, found.map(({ all }) => all)]));
}

async function speed(browser) {
    const times = { 'first load': await firstLoad(browser), ...await withManyTodos(browser) };
    const slow = Object.entries(BOUNDS).filter(([what, bound]) => median(times[what]) > bound);
    assert.deepEqual(slow.map(([what, bound]) => `${what} takes ${median(times[what]).toFixed(0)} ms, more than ${bound} ms`), []);
}

run([['times', speed]]);
