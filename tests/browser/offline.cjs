// The web client without a network, with lost responses, with a killed service, and in many tabs: nothing that was typed is
// lost, and all end with what the service holds. OFFLINE_SECONDS, OFFLINE_RUNS and OFFLINE_TODOS make it longer, and STEPS
// chooses some of it.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');

const { run } = require('./support.cjs');

const SECONDS = Number(process.env.OFFLINE_SECONDS ?? 30);
const RUNS = Number(process.env.OFFLINE_RUNS ?? 1);
const TODOS = 200;
const MANY = Number(process.env.OFFLINE_TODOS ?? 1_000);
const TABS = 9;
const LOST = 0.15;
const PASSWORD = 'correct horse battery';

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const random = (below) => Math.floor(Math.random() * below);

async function until(what, condition, ms = 30_000) {
    const deadline = Date.now() + ms;
    for (let last; ;) {
        try {
            last = await condition();
            if (last) return last;
        } catch (error) {
            last = error;
        }
        if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms (${last})`);
        await sleep(50);
    }
}

/** What the browser does without a limit of its own. */
function within(what, work, ms = 30_000) {
    return Promise.race([work, sleep(ms).then(() => { throw new Error(`${what}: not within ${ms} ms`); })]);
}

function freePort() {
    return new Promise((resolve) => {
        const probe = net.createServer().listen(0, '127.0.0.1', () => {
            const { port } = probe.address();
            probe.close(() => resolve(port));
        });
    });
}

/** A service of this suite, which it can kill. */
class Service {
    constructor(uri = process.env.MONGODB_URI) {
        this.uri = uri;
    }

    async start() {
        this.port ??= await freePort();
        const env = { ...process.env, PORT: String(this.port), MONGODB_URI: this.uri };
        this.process = spawn(process.env.PROGRAM, ['serve'], { env, stdio: 'ignore' });
        await until('the service is ready', async () => (await fetch(`http://127.0.0.1:${this.port}/readyz`)).ok);
    }

    async kill(signal = 'SIGKILL') {
        const ended = new Promise((resolve) => { this.process.once('exit', resolve); });
        this.process.kill(signal);
        await ended;
    }
}

/** A proxy that loses responses, and that shows the pages as those of another version. */
class Proxy {
    constructor(service) {
        this.service = service;
        this.lost = 0;
        this.lose = () => false;
        this.version = null;
        this.server = http.createServer((request, response) => this.pass(request, response));
    }

    async listen() {
        await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
        this.url = `http://127.0.0.1:${this.server.address().port}`;
    }

    pass(request, response) {
        const url = this.real ? request.url.replace(`/assets/${this.version}/`, `/assets/${this.real}/`) : request.url;
        const isPage = /^\/($|\?|sw\.js|app\.webmanifest)|\/js\/main\.js$/.test(url);
        const headers = isPage ? { ...request.headers, 'accept-encoding': 'identity' } : request.headers;
        const forwarded = http.request({ host: '127.0.0.1', port: this.service.port, path: url, method: request.method, headers }, (answer) => {
            if (this.lose(request)) {
                this.lost += 1;
                answer.resume();
                answer.on('end', () => response.destroy());
            } else if (isPage && answer.statusCode === 200) void this.rewrite(url, answer, response);
            else {
                response.writeHead(answer.statusCode, answer.headers);
                answer.pipe(response);
                answer.on('error', () => response.destroy());
            }
        });
        forwarded.on('error', () => response.destroy());
        response.on('close', () => forwarded.destroy());
        request.pipe(forwarded);
    }

    async rewrite(url, answer, response) {
        let text = '';
        for await (const part of answer.setEncoding('utf8')) text += part;
        if (url.endsWith('main.js')) text += `\nglobalThis.store = ${storeModule(text)}.store;\n`;
        else if (this.real) text = text.replaceAll(this.real, this.version);
        const { 'content-length': _, etag, ...headers } = answer.headers;
        response.writeHead(200, headers);
        response.end(text);
    }

    /** From now on the pages are of another version. */
    async deploy(version) {
        const page = await (await fetch(`http://127.0.0.1:${this.service.port}/`, { headers: { accept: 'text/html' } })).text();
        this.real = /assets\/([0-9a-f]{16})\//.exec(page)[1];
        this.version = version;
    }
}

/** The constant that holds the store in the joined modules. */
function storeModule(text) {
    const end = text.indexOf('return { store };');
    const begin = text.lastIndexOf('const $m', end);
    assert.ok(end > 0 && begin > 0, 'main.js has no store');
    return /const (\$m\d+)/.exec(text.slice(begin, begin + 40))[1];
}

/** A program that uses the API. */
class Program {
    constructor(url) {
        this.url = url;
    }

    async send(method, path, body, headers = {}) {
        const response = await fetch(this.url + path, {
            method, body: body === undefined ? undefined : JSON.stringify(body),
            headers: { 'content-type': 'application/json', authorization: `Bearer ${this.token ?? ''}`, ...headers },
        });
        return { status: response.status, body: response.status === 204 ? null : await response.json(), etag: response.headers.get('etag') };
    }

    async register(username) {
        const registered = await this.send('POST', '/v1/register', { username, password: PASSWORD });
        assert.equal(registered.status, 201, JSON.stringify(registered.body));
        this.token = (await this.send('POST', '/v1/login', { username, password: PASSWORD })).body.access_token;
    }

    async sync(commands) {
        const answer = await this.send('POST', '/v1/sync', { token: null, commands });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        return answer.body;
    }

    /** Everything that the service holds, by id. */
    async everything() {
        const todos = new Map();
        for (let token = null, more = true; more;) {
            const { body } = await this.send('POST', '/v1/sync', { token });
            for (const todo of body.todos) todos.set(todo.id, todo);
            [token, more] = [body.token, body.has_more];
        }
        return todos;
    }
}

const newId = () => Array.from({ length: 24 }, () => random(16).toString(16)).join('');

async function openPage(context, url) {
    const page = await context.newPage();
    page.on('pageerror', (error) => { page.fault = String(error); });
    // The last responses and failures, for the message of a failed step.
    page.history = [];
    const note = (request, what) => {
        page.history.push(`${new Date().toISOString()} ${request.method()} ${new URL(request.url()).pathname} ${what}`);
        if (page.history.length > 30) page.history.shift();
    };
    page.on('requestfailed', (request) => note(request, request.failure()?.errorText));
    page.on('response', (response) => {
        if (!response.url().includes('/v1/')) return;
        if (response.ok()) note(response.request(), response.status());
        else void response.text().catch(String).then((text) => note(response.request(), `${response.status()} ${text.slice(0, 500)}`));
    });
    await page.goto(url);
    await page.waitForFunction(() => globalThis.store?.session.value !== undefined && globalThis.store.session.value !== 'unknown');
    return page;
}

const signIn = (page, name) => page.evaluate(([name, password]) => globalThis.store.signIn(name, password), [name, PASSWORD]);
const statusOf = (page) => page.evaluate(() => ({ ...globalThis.store.status.value }));
const isSettled = async (page) => {
    const status = await statusOf(page);
    const { unsent, connected, complete, syncing } = status;
    assert.ok(unsent === 0 && connected && complete && !syncing, JSON.stringify(status));
    return true;
};

/** Runs in the page: changes some of the todos, as a user does. Returns the texts that were typed. */
function change([who, count]) {
    const { store } = globalThis;
    const pick = (all) => all[Math.floor(Math.random() * all.length)];
    const typed = [];
    for (let index = 0; index < count; index += 1) {
        const todo = pick(store.all());
        const live = store.all().filter((other) => other.deleted_at === null && other.parent_id === null);
        globalThis.typedCount = (globalThis.typedCount ?? 0) + 1;
        const text = `${who}${globalThis.typedCount}.`;
        switch (Math.floor(Math.random() * 10)) {
            case 0: case 1: case 2:
                if (todo.deleted_at !== null) break;
                store.patch(todo.id, { description: `${todo.description} ${text}` });
                typed.push(text);
                break;
            case 3:
                store.add({ name: text, list_id: todo.list_id });
                typed.push(text);
                break;
            case 4: store.patch(todo.id, { priority: pick(['none', 'low', 'high']), tags: [pick(['x', 'y'])] }); break;
            case 5: store.patch(todo.id, { due: pick([null, { date: '2026-12-01' }, { at: '2026-12-01T09:00', time_zone: null }]) }); break;
            case 6: if (todo.completed) store.reopen(todo.id); else store.complete(todo.id); break;
            case 7: if (todo.deleted_at === null && live.length > 1) store.move(todo.id, pick([{ top: true }, { bottom: true }, { before: pick(live).id }])); break;
            case 8: if (Math.random() < 0.3) store.trash(todo.id); else store.restore(todo.id); break;
            // Undoing an earlier change would take typed text back.
            default:
                if (live.length > 0 && Math.random() < 0.5) {
                    store.move(pick(live).id, { top: true });
                    store.undo();
                }
        }
    }
    return typed;
}

async function disconnectAtRandom(context, isOver) {
    while (!isOver()) {
        await sleep(500 + random(2_500));
        await context.setOffline(true);
        await sleep(500 + random(3_000));
        await context.setOffline(false);
    }
}

async function useBrowser(page, who, typed, isOver) {
    while (!isOver()) {
        typed.push(...await page.evaluate(change, [who, 1 + random(4)]));
        await sleep(random(250));
        if (Math.random() < 0.02) {
            await sleep(100);
            await page.reload();
            await page.waitForFunction(() => globalThis.store?.status.value.ready);
        }
    }
}

/** Edits what it has read, and reads again if somebody was faster. */
async function useApi(program, ids, typed, isOver) {
    for (let count = 0; !isOver(); count += 1) {
        await sleep(random(300));
        const path = `/v1/todos/${ids[random(ids.length)]}`;
        try {
            const { status, body, etag } = await program.send('GET', path);
            if (status !== 200 || body.deleted_at) continue;
            const text = `api${count}.`;
            const sent = await program.send('PATCH', path, { description: `${body.description} ${text}` }, { 'if-match': etag });
            if (sent.status === 200) typed.push(text);
        } catch {
            // The service was killed.
        }
    }
}

async function compare(pages, program, typed) {
    for (const [who, page] of pages) {
        await until(`${who} has sent everything`, () => isSettled(page), 60_000).catch((error) => {
            throw new Error(`${error.message}\n${page.history.join('\n')}`);
        });
    }
    const server = await program.everything();
    const texts = [...server.values()].map(({ name, description }) => `${name} ${description}`).join(' ');
    let rejections = 0;
    for (const [who, page] of pages) {
        await until(`${who} holds what the service holds`, async () => {
            const held = new Map((await page.evaluate(() => globalThis.store.all())).map(({ unsent, ...todo }) => [todo.id, todo]));
            assert.equal(held.size, server.size);
            for (const [id, todo] of server) assert.deepEqual(held.get(id), todo);
            return true;
        }, 15_000);
        const rejected = await page.evaluate(() => globalThis.store.rejected.value);
        rejections += rejected.length;
        const kept = `${texts} ${JSON.stringify(rejected)}`;
        const gone = typed.get(who).filter((text) => !kept.includes(text));
        assert.deepEqual(gone, [], `${who} has lost texts`);
        assert.equal(page.fault, undefined);
    }
    const gone = typed.get('api').filter((text) => !texts.includes(text));
    assert.deepEqual(gone, [], 'changes of the program are lost');
    return rejections;
}

async function twoBrowsersAndAProgram({ browser, service, proxy, round }) {
    const program = new Program(`http://127.0.0.1:${service.port}`);
    await program.register(`offline${round}`);
    const ids = Array.from({ length: TODOS }, newId);
    for (let at = 0; at < TODOS; at += 100) {
        await program.sync(ids.slice(at, at + 100).map((id, index) => ({ id: `c${id}`, op: 'put', type: 'todo', target: id, body: { name: `Todo ${at + index}` } })));
    }
    const contexts = { A: await browser.newContext(), B: await browser.newContext() };
    const pages = new Map();
    for (const [who, context] of Object.entries(contexts)) {
        const page = await openPage(context, proxy.url);
        await signIn(page, `offline${round}`);
        pages.set(who, page);
        await until(`${who} has read everything`, () => isSettled(page));
        await page.evaluate(() => navigator.serviceWorker.ready);
    }
    const typed = new Map([['A', []], ['B', []], ['api', []]]);
    const end = Date.now() + SECONDS * 1000;
    const isOver = () => Date.now() > end;
    proxy.lose = (request) => request.url.startsWith('/v1/sync') && Math.random() < LOST;
    const killing = async () => {
        for (let at = 1; at <= 2; at += 1) {
            await sleep((SECONDS * 1000) / 3);
            await service.kill();
            await sleep(1_000);
            await service.start();
        }
    };
    await Promise.all([
        ...Object.values(contexts).map((context) => disconnectAtRandom(context, isOver)),
        ...[...pages].map(([who, page]) => useBrowser(page, who, typed.get(who), isOver)),
        useApi(program, ids, typed.get('api'), isOver), killing(),
    ]);
    proxy.lose = () => false;
    const rejections = await compare(pages, program, typed);
    const counts = [...typed].map(([who, texts]) => `${who} ${texts.length}`).join(', ');
    console.log(`    typed: ${counts}; lost responses ${proxy.lost}; not saved ${rejections}`);
    for (const context of Object.values(contexts)) await context.close();
}

async function manyTabs({ browser, service, proxy, round }) {
    const program = new Program(`http://127.0.0.1:${service.port}`);
    await program.register(`tabs${round}`);
    const context = await browser.newContext();
    let pages = [await openPage(context, proxy.url)];
    await signIn(pages[0], `tabs${round}`);
    while (pages.length < TABS) pages.push(await openPage(context, proxy.url));
    const seeAll = async (name) => {
        for (const page of pages) {
            await until(`each tab shows ${name}`, () => page.evaluate((name) => globalThis.store.all().some((todo) => todo.name === name && !todo.unsent), name));
        }
    };
    await pages[3].evaluate(() => globalThis.store.add({ name: 'from a tab' }));
    await seeAll('from a tab');
    await program.send('POST', '/v1/todos', { name: 'from elsewhere' });
    await seeAll('from elsewhere');
    // The first tab leads. It is closed after it stored a change, and before it told the others.
    await pages[0].evaluate(() => {
        const { postMessage } = BroadcastChannel.prototype;
        BroadcastChannel.prototype.postMessage = function post(data) { if (data.type !== 'change') postMessage.call(this, data); };
    });
    await program.send('POST', '/v1/todos', { name: 'not told' });
    await until('the leader shows it', () => pages[0].evaluate(() => globalThis.store.all().some(({ name }) => name === 'not told')));
    assert.equal(await pages[1].evaluate(() => globalThis.store.all().some(({ name }) => name === 'not told')), false);
    await pages[0].close();
    pages = pages.slice(1);
    await seeAll('not told');
    await program.send('POST', '/v1/todos', { name: 'after the leader' });
    await seeAll('after the leader');
    await service.kill('SIGTERM');
    await pages[1].evaluate(() => globalThis.store.add({ name: 'while it restarts' }));
    await service.start();
    await seeAll('while it restarts');
    await program.send('POST', '/v1/todos', { name: 'after the restart' });
    await seeAll('after the restart');
    await context.close();
}

async function newVersion({ browser, service, proxy, round }) {
    await new Program(`http://127.0.0.1:${service.port}`).register(`version${round}`);
    const context = await browser.newContext();
    const pages = [await openPage(context, proxy.url)];
    await signIn(pages[0], `version${round}`);
    await pages[0].evaluate(() => navigator.serviceWorker.ready);
    while (pages.length < TABS) pages.push(await openPage(context, proxy.url));
    const page = pages[1];
    await proxy.deploy(newId().slice(0, 16));
    await page.evaluate(async () => { await (await navigator.serviceWorker.ready).update(); });
    await until('the page says that a new version is there', async () => (await statusOf(page)).notice === 'new_version');
    const versionOf = () => page.evaluate(() => document.querySelector('script[type=module]').src.split('/assets/')[1].split('/')[0]);
    assert.notEqual(await versionOf(), proxy.version);
    await page.evaluate(() => globalThis.store.add({ name: 'before the update' }));
    await page.evaluate(() => globalThis.store.reloadForNewVersion());
    await until('the page is of the new version', async () => await versionOf() === proxy.version);
    await until('the change is sent', () => page.evaluate(() => globalThis.store.all().some(({ name, unsent }) => name === 'before the update' && !unsent)));
    await context.setOffline(true);
    await page.reload();
    await until('the new version opens offline', async () => (await statusOf(page)).ready && await versionOf() === proxy.version);
    await context.close();
}

async function manyTodos({ browser, service, proxy, round }) {
    const program = new Program(`http://127.0.0.1:${service.port}`);
    await program.register(`many${round}`);
    for (let at = 0; at < MANY; at += 100) {
        await program.sync(Array.from({ length: 100 }, (_, index) => ({
            id: `m${at + index}`, op: 'put', type: 'todo', target: newId(),
            body: { name: `Überweisung ${at + index} an Müller`, description: 'Rechnung vom letzten Monat', due: index % 3 ? null : { date: '2026-12-01' } },
        })));
    }
    const context = await browser.newContext();
    const page = await openPage(context, proxy.url);
    const began = Date.now();
    await signIn(page, `many${round}`);
    await until('everything was read', () => isSettled(page), 60_000);
    const read = Date.now() - began;
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.reload();
    await page.waitForFunction(() => globalThis.store?.status.value.ready);
    const opened = await page.evaluate(() => Math.round(performance.now()));
    assert.equal(await page.evaluate(() => globalThis.store.all().length), MANY);
    const ticks = await page.evaluate(async () => {
        const { store } = globalThis;
        const times = [];
        for (const todo of store.all().slice(0, 9)) {
            const before = performance.now();
            store.complete(todo.id);
            times.push(performance.now() - before);
            await new Promise((resolve) => { setTimeout(resolve, 50); });
        }
        return times.map(Math.round).sort((a, b) => a - b);
    });
    console.log(`    ${MANY} todos: read in ${read} ms, opened in ${opened} ms, tick ${ticks[4]} ms (at most ${ticks[8]})`);
    await until('the ticks are sent', () => isSettled(page));
    await context.close();
}

async function anotherUser({ browser, proxy, service, round }) {
    const [first, second] = [`first${round}`, `second${round}`];
    const program = new Program(`http://127.0.0.1:${service.port}`);
    await program.register(first);
    await program.register(second);
    const context = await browser.newContext();
    const page = await openPage(context, proxy.url);
    await signIn(page, first);
    await page.evaluate(() => globalThis.store.add({ name: 'secret' }));
    await until('it is sent', () => isSettled(page));
    const otherTab = await openPage(context, proxy.url);
    await until('the other tab is signed in', () => isSettled(otherTab));
    const waits = (tab) => tab.evaluate(() => globalThis.store.session.value === null && globalThis.store.waiting.value);
    await context.setOffline(true);
    await page.evaluate(() => globalThis.store.add({ name: 'secret and unsent' }));
    await page.evaluate(() => globalThis.store.signOut());
    assert.equal(await page.evaluate(() => globalThis.store.all().length), 0);
    for (const tab of [page, otherTab]) {
        await until('each tab says what waits', async () => JSON.stringify(await waits(tab)) === JSON.stringify([{ name: first, n: 1 }]));
    }
    await context.setOffline(false);
    await signIn(page, second);
    await until('the second user has read everything', () => isSettled(page));
    assert.equal(await page.evaluate(() => globalThis.store.all().length), 0);
    await page.evaluate(() => globalThis.store.signOut());
    await signIn(page, first);
    await until('the unsent change is sent', async () => await isSettled(page)
        && await page.evaluate(() => globalThis.store.all().length) === 2);
    // Another device ends the session, and this one forgets what it holds.
    await program.send('POST', '/v1/login', { username: first, password: PASSWORD }).then(({ body }) => { program.token = body.access_token; });
    await program.send('DELETE', '/v1/sessions');
    for (const tab of [page, otherTab]) {
        await until('no tab says that changes wait', async () => JSON.stringify(await waits(tab)) === '[]', 15_000);
    }
    const names = () => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name).join());
    await until('the data is forgotten', async () => await names() === 'todo-client');
    await context.close();
}

/** The database is deleted, full or refused while changes wait: they stay, or the user is told what to do. */
async function storage({ browser, service, proxy, round }) {
    const program = new Program(`http://127.0.0.1:${service.port}`);
    await program.register(`storage${round}`);
    const context = await browser.newContext();
    const page = await openPage(context, proxy.url);
    await signIn(page, `storage${round}`);
    await page.evaluate(() => globalThis.store.add({ name: 'sent' }));
    await until('it is sent', () => isSettled(page));
    await page.evaluate(() => navigator.serviceWorker.ready);
    const names = () => page.evaluate(() => globalThis.store.all().map(({ name, unsent }) => name + (unsent ? ' (unsent)' : '')).sort());
    const cdp = await context.newCDPSession(page);
    const ways = {
        deleted: () => page.evaluate(() => new Promise((resolve, reject) => {
            const request = indexedDB.deleteDatabase(`todo-user-${globalThis.store.session.value.user.id}`);
            [request.onsuccess, request.onerror] = [resolve, reject];
        })),
        cleared: () => cdp.send('Storage.clearDataForOrigin', { origin: proxy.url, storageTypes: 'indexeddb' }),
    };
    for (const [way, remove] of Object.entries(ways)) {
        await context.setOffline(true);
        await page.evaluate((way) => globalThis.store.add({ name: way }), way);
        await within(`the database is ${way}`, remove());
        const expected = [...(way === 'cleared' ? ['deleted'] : []), 'sent', `${way} (unsent)`].sort();
        // After all data were removed, the browser may never open a database again until it is restarted.
        const isStored = () => within('an answer', page.evaluate(async () => (await indexedDB.databases()).length), 2_000)
            .then((found) => found === 2, () => false);
        let isTold = false;
        await until(`the database is there again, or the user is told, ${way}`, async () => {
            assert.deepEqual(await names(), expected);
            isTold = (await statusOf(page)).notice === 'storage_refused';
            return isTold || await isStored();
        });
        if (isTold) {
            console.log(`    the browser has no database any more, ${way}`);
            await context.setOffline(false);
            await until(`it is sent, ${way}`, () => isSettled(page));
            break;
        }
        await sleep(300);
        await page.reload();
        await until(`nothing is lost, ${way}`, async () => { assert.deepEqual(await names(), expected); return true; });
        await context.setOffline(false);
        await until(`it is sent, ${way}`, () => isSettled(page));
        assert.equal((await statusOf(page)).notice, null);
    }
    await page.evaluate(() => {
        const { put } = IDBObjectStore.prototype;
        IDBObjectStore.prototype.put = function full(value, ...key) {
            if (JSON.stringify(value).length > 2_000) throw new DOMException('full', 'QuotaExceededError');
            return put.call(this, value, ...key);
        };
    });
    await page.evaluate(() => globalThis.store.add({ name: 'full', description: 'x'.repeat(5_000) }));
    await until('the user is told that the disk is full', async () => (await statusOf(page)).notice === 'storage_refused');
    await until('it is sent all the same', () => isSettled(page));
    const server = [...(await program.everything()).values()].map(({ name }) => name).sort();
    assert.deepEqual(server, ['cleared', 'deleted', 'full', 'sent']);
    assert.equal(page.fault, undefined);
    await context.close();
    await refused({ browser, proxy, program, name: `storage${round}` });
}

async function refused({ browser, proxy, program, name }) {
    const context = await browser.newContext();
    await context.addInitScript(() => {
        IDBFactory.prototype.open = () => { throw new DOMException('refused', 'SecurityError'); };
    });
    const page = await openPage(context, proxy.url);
    await signIn(page, name);
    await until('everything was read', () => isSettled(page));
    assert.equal((await statusOf(page)).notice, 'storage_refused');
    await page.getByText('Do not close this tab').waitFor();
    await page.evaluate(() => globalThis.store.add({ name: 'without a database' }));
    await until('it is sent', () => isSettled(page));
    assert.ok([...(await program.everything()).values()].some((todo) => todo.name === 'without a database'));
    // The browser warns only those who have used the page.
    await page.mouse.click(5, 5);
    await context.setOffline(true);
    await page.evaluate(() => globalThis.store.add({ name: 'would be lost' }));
    const warned = new Promise((resolve) => { page.once('dialog', (dialog) => { resolve(dialog.type()); void dialog.dismiss(); }); });
    void page.close({ runBeforeUnload: true });
    assert.equal(await within('the browser asks before it closes the tab', warned), 'beforeunload');
    await context.setOffline(false);
    await until('it is sent after the warning', () => isSettled(page));
    assert.equal(page.fault, undefined);
    await context.close();
}

/** A tab that has not heard that somebody else signed in sends nothing into the account of that user. */
async function deafTab({ browser, service, proxy, round }) {
    const program = new Program(`http://127.0.0.1:${service.port}`);
    const [anna, ben] = [`anna${round}`, `ben${round}`];
    await program.register(anna);
    const other = new Program(program.url);
    await other.register(ben);
    const context = await browser.newContext();
    const [deaf, page] = [await openPage(context, proxy.url), await openPage(context, proxy.url)];
    await signIn(page, anna);
    await until('both tabs are of the first user', async () => await isSettled(deaf) && isSettled(page));
    await page.evaluate(() => {
        const { postMessage } = BroadcastChannel.prototype;
        BroadcastChannel.prototype.postMessage = function post(data) { if (data.type !== 'session') postMessage.call(this, data); };
    });
    proxy.lose = (request) => request.url.startsWith('/v1/sync');
    await deaf.evaluate(() => globalThis.store.add({ name: 'a secret of Anna' }));
    await page.evaluate(() => globalThis.store.signOut());
    await signIn(page, ben);
    await deaf.evaluate(() => globalThis.store.add({ name: 'another secret' }));
    proxy.lose = () => false;
    await until('the deaf tab notices', async () => await deaf.evaluate(() => globalThis.store.session.value?.user.username) === ben && isSettled(deaf));
    await until('the other tab works', () => isSettled(page));
    assert.equal((await other.everything()).size, 0);
    for (const tab of [deaf, page]) assert.equal(await tab.evaluate(() => globalThis.store.all().length), 0);
    await page.evaluate(() => globalThis.store.signOut());
    await page.reload();
    await page.getByText(`2 changes of ${anna} were not sent`).waitFor();
    await signIn(page, anna);
    await until('the change of the first user is sent', () => isSettled(page));
    assert.deepEqual([...(await program.everything()).values()].map(({ name }) => name).sort(), ['a secret of Anna', 'another secret']);
    await context.close();
}

/** Another database, in which the same name is another user, takes the place of the first, as after a new installation. */
async function anotherDatabase({ browser, service, proxy, round }) {
    const name = `moved${round}`;
    const program = new Program(`http://127.0.0.1:${service.port}`);
    await program.register(name);
    const context = await browser.newContext();
    const page = await openPage(context, proxy.url);
    await signIn(page, name);
    await page.evaluate(() => globalThis.store.add({ name: 'of the first database' }));
    await until('it is sent', () => isSettled(page));
    await context.setOffline(true);
    await page.evaluate(() => globalThis.store.add({ name: 'unsent, of the first database' }));
    const second = new Service(process.env.MONGODB_URI.replace(/\/browser_\w+/, '/browser_second'));
    await second.start();
    const elsewhere = new Program(`http://127.0.0.1:${second.port}`);
    await elsewhere.register(name);
    try {
        await service.kill();
        proxy.service = second;
        await context.setOffline(false);
        await until('the session is over', () => page.evaluate(() => globalThis.store.session.value === null));
        await page.getByText(`1 change of ${name} was not sent`).waitFor();
        await signIn(page, name);
        await until('the second database was read', () => isSettled(page));
        assert.equal(await page.evaluate(() => globalThis.store.all().length), 0);
        assert.equal((await elsewhere.everything()).size, 0);
    } finally {
        await second.kill();
        await service.start();
        proxy.service = service;
    }
    await until('the session is over again', () => page.evaluate(() => globalThis.store.session.value === null));
    await signIn(page, name);
    await until('the unsent change is sent', () => isSettled(page));
    const names = [...(await program.everything()).values()].map((todo) => todo.name).sort();
    assert.deepEqual(names, ['of the first database', 'unsent, of the first database']);
    assert.equal(await page.getByText('was not sent').count(), 0);
    await context.close();
}

/** Each with a context of its own, so that one of them can run alone. */
const steps = {
    rounds: [`two browsers and a program change ${TODOS} todos, ${SECONDS} s`, twoBrowsersAndAProgram],
    users: ['users of one browser do not see each other', anotherUser],
    deaf: ['a tab that has not heard of another user', deafTab],
    database: ['another database at the same address', anotherDatabase],
    storage: ['a database that is deleted, full or refused', storage],
    many: [`${MANY} todos`, manyTodos],
    tabs: [`${TABS} tabs, a closed leader, a restart`, manyTabs],
    version: ['a new version is deployed', newVersion],
};

(async () => {
    const service = new Service();
    await service.start();
    const proxy = new Proxy(service);
    await proxy.listen();
    const wanted = process.env.STEPS?.split(',') ?? Object.keys(steps);
    const rounds = Array.from({ length: RUNS }, (_, index) => index + 1).flatMap((round) => wanted.map((name) => [
        `${steps[name][0]}, round ${round}`, (browser) => steps[name][1]({ browser, service, proxy, round })]));
    try {
        await run(rounds);
    } finally {
        proxy.server.closeAllConnections();
        proxy.server.close();
        await service.kill('SIGTERM');
    }
})();
