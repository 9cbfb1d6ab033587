/**
 * Keeps the page and its files, so that the client opens without a network. It never keeps answers of the API: the data is
 * in IndexedDB. Everything that is not named here goes to the network untouched.
 */

const VERSION = '{{version}}';
const FILES = '{{files}}';

const SCOPE = new URL('./', self.location.href);
// Services below other paths of the host share the storage of the browser.
const PREFIX = `todo-client-${SCOPE.pathname.slice(1)}`;
const CACHE = PREFIX + VERSION;
const ASSETS = `${SCOPE.pathname}assets/`;
const WANTED = `${ASSETS}wanted`;

self.addEventListener('install', (event) => event.waitUntil(keep()));

async function keep() {
    const cache = await caches.open(CACHE);
    // The paths of the files contain the version, so the browser's own cache cannot hold other content. The page's does not.
    await cache.addAll(FILES.map((file) => `${ASSETS}${VERSION}/${file}`));
    const page = await fetch(SCOPE, { cache: 'reload', headers: { accept: 'text/html' }, credentials: 'same-origin' });
    const isOurs = page.ok && !page.redirected && (await page.clone().text()).includes(`assets/${VERSION}/`);
    // During a release, another instance may have answered, or a proxy that asks for a login.
    if (!isOurs) throw new Error('the page is of another version');
    await cache.put(SCOPE, page);
}

self.addEventListener('activate', (event) => event.waitUntil(forgetOthers()));

async function forgetOthers() {
    await Promise.all((await names()).filter((name) => name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
}

self.addEventListener('message', (event) => {
    if (event.data === 'version') event.ports[0]?.postMessage(VERSION);
    // The page asks for this when its user wants the new version.
    if (event.data === 'activate') event.waitUntil(takeOver());
});

/**
 * A browser activates a worker only when the one before it has nothing to do, which can take minutes. Until then, the worker
 * before it serves the files that are marked here.
 */
async function takeOver() {
    for (const name of await names()) {
        const cache = await caches.open(name);
        if (name === CACHE) await cache.put(WANTED, new Response());
        else await cache.delete(WANTED);
    }
    void self.skipWaiting();
}

const names = async () => (await caches.keys()).filter((name) => name.startsWith(PREFIX) && !name.slice(PREFIX.length).includes('/'));

/** The cache from which the page comes. */
async function wanted() {
    for (const name of await names()) {
        if (name !== CACHE && await caches.match(WANTED, { cacheName: name })) return name;
    }
    return CACHE;
}

self.addEventListener('fetch', (event) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== SCOPE.origin) return;
    if (request.mode === 'navigate') {
        // `?network` leads past this worker, to a proxy that asks for a login.
        if (url.pathname === SCOPE.pathname && !url.searchParams.has('network')) event.respondWith(page(request));
    } else if (url.pathname.startsWith(ASSETS)) {
        event.respondWith(kept(PREFIX + url.pathname.slice(ASSETS.length).split('/')[0], url, request));
    }
});

const page = async (request) => kept(await wanted(), SCOPE, request);

async function kept(cacheName, key, request) {
    return await caches.match(key, { cacheName, ignoreVary: true }) ?? fetch(request);
}
