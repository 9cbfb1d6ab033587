/**
 * Keeps the page and its files, so that the client opens without a network. It never keeps answers of the API: the data is
 * in IndexedDB. Everything that is not named here goes to the network untouched.
 */

const VERSION = '{{version}}';
const FILES = '{{files}}';
const PREFIX = 'todo-client-';
const CACHE = PREFIX + VERSION;

const SCOPE = new URL('./', self.location.href);
const ASSETS = `${SCOPE.pathname}assets/`;

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
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
}

// The page asks for this when its user wants the new version.
self.addEventListener('message', (event) => {
    if (event.data === 'activate') void self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== SCOPE.origin) return;
    if (request.mode === 'navigate') {
        // `?network` leads past this worker, to a proxy that asks for a login.
        if (url.pathname === SCOPE.pathname && !url.searchParams.has('network')) event.respondWith(kept(SCOPE, request));
    } else if (url.pathname.startsWith(ASSETS)) {
        event.respondWith(kept(url, request));
    }
});

async function kept(key, request) {
    const cache = await caches.open(CACHE);
    return await cache.match(key, { ignoreVary: true }) ?? fetch(request);
}
