// The web client in a real browser. scripts/browser starts this. LOOKS=all checks every view in all six looks, which takes
// minutes; otherwise each view is checked in two of them, in turn.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ALL_LOOKS, assertAccessible, base, run, screenshot, watch } = require('./support.cjs');

const PASSWORD = 'a long enough word';
const TIMEOUT = 15_000;
const DUE_MODULE = path.join(__dirname, '../../web/js/model/due.js');
const MANY = 100;
let users = 0;

/** A new user, signed in, on a page of their own. */
async function signedIn(browser, options = {}) {
    const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(TIMEOUT);
    const page = await context.newPage();
    const watched = watch(page);
    const name = `ann-${process.pid}-${++users}`;
    await page.goto(`${base}/#/register`);
    await page.getByLabel('Username').fill(name);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create an account' }).first().click();
    await page.getByRole('heading', { level: 1, name: 'Today' }).waitFor();
    return { context, page, watched, name };
}

const go = async (page, view, title) => {
    await page.goto(`${base}/#/${view}`);
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
};
const rows = (page) => page.locator('main .rows .row-name').allTextContents();
const row = (page, name) => page.locator('main li.row', { has: page.getByRole('button', { name, exact: true }) });
const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.getAttribute('aria-label'));
const focusRow = (page, name) => row(page, name).locator('.row-title').focus();

async function add(page, ...texts) {
    await page.keyboard.press('q');
    const field = page.getByRole('textbox', { name: 'Add a todo' });
    for (const text of texts) {
        await field.fill(text);
        await field.press('Enter');
    }
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
}

async function eventually(what, check) {
    const until = Date.now() + TIMEOUT;
    for (;;) {
        const result = await check();
        if (result) return result;
        assert.ok(Date.now() < until, what);
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
}
const eventuallyRows = (page, expected) => eventually(`rows ${expected}`, async () => JSON.stringify(await rows(page)) === JSON.stringify(expected))
    .catch(async () => assert.deepEqual(await rows(page), expected));

/** The user's todos as the API has them. */
async function api(name, path, options = {}) {
    const headers = { 'content-type': 'application/json' };
    const login = await fetch(`${base}/v1/login`, { method: 'POST', headers, body: JSON.stringify({ username: name, password: PASSWORD }) });
    const { access_token } = await login.json();
    const response = await fetch(`${base}/v1${path}`, { headers: { ...headers, authorization: `Bearer ${access_token}` }, ...options });
    return response.status === 204 ? null : response.json();
}
const saved = async (page) => eventually('everything is sent', async () => (await page.locator('.connection .badge').count()) === 0);

async function firstRun(browser) {
    const { context, page, watched, name } = await signedIn(browser);
    await go(page, 'inbox', 'Inbox');
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
    await page.keyboard.press('Delete');
    await page.getByText('Nothing in your inbox').waitFor();
    await add(page, 'My first todo');
    await row(page, 'My first todo').getByRole('checkbox').click();
    await page.getByText('Completed “My first todo”').waitFor();
    await eventually('the service has it', async () => (await api(name, '/todos?completed=true')).items.length === 1);
    watched.assertNone();
    await context.close();
}

/** In a browser that knows nothing but the session, the page waits for the first todos, but not for long. */
async function slowService(browser) {
    const { context, page, name } = await signedIn(browser);
    await go(page, 'inbox', 'Inbox');
    await add(page, 'Kept by the service');
    await eventually('the service has it', async () => (await api(name, '/todos')).items.length === 1);
    let { cookies } = await context.storageState();
    await context.close();
    for (const fault of ['no answer', 'no connection', 'nobody knows the user']) {
        const fresh = await browser.newContext({ locale: 'en-GB' });
        fresh.setDefaultTimeout(TIMEOUT);
        await fresh.addCookies(cookies);
        const opened = await fresh.newPage();
        const isUnknown = fault === 'nobody knows the user';
        let isOver = false;
        await opened.route(isUnknown ? '**/web/refresh' : '**/v1/sync', async (route) => {
            if (fault === 'no connection' && !isOver) return await route.abort();
            await eventually('the fault is over', () => isOver);
            return await route.continue();
        });
        await opened.goto(`${base}/#/inbox`);
        if (isUnknown) await opened.getByRole('status').getByText('Loading').waitFor();
        else {
            await opened.getByRole('navigation').waitFor();
            await opened.locator('main').getByText('Loading').waitFor();
        }
        isOver = true;
        await eventuallyRows(opened, ['Kept by the service']);
        // Each use of the session replaces its cookie.
        ({ cookies } = await fresh.storageState());
        await fresh.close();
    }
}

async function quickAdd(browser) {
    const { context, page, watched, name } = await signedIn(browser);
    await go(page, 'inbox', 'Inbox');
    await page.getByRole('button', { name: 'New list' }).click();
    await page.getByLabel('Name of the list').fill('Home');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    await go(page, 'inbox', 'Inbox');

    await page.keyboard.press('q');
    await page.keyboard.type('Water the plants every monday 7am #home @green !high // not the cactus');
    await page.locator('.chip').nth(4).waitFor();
    assert.equal(await page.locator('.quick-name').textContent(), 'Water the plants');
    await page.keyboard.press('Enter');
    await page.keyboard.type('Read Tomorrow');
    assert.equal(await page.locator('.chip.due').count(), 1);
    // One Backspace keeps the phrase as text.
    await page.keyboard.press('Backspace');
    assert.equal(await page.locator('.chip.due').count(), 0);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await eventuallyRows(page, ['Read Tomorrow']);
    await saved(page);
    const [todo] = (await api(name, '/todos?tag=green')).items;
    assert.deepEqual([todo.name, todo.description, todo.priority, todo.recurrence.rule, todo.due.at.slice(10)],
        ['Water the plants', 'not the cactus', 'high', 'FREQ=WEEKLY;BYDAY=MO', 'T07:00']);

    // With a disabled button, browsers ignore an Enter that comes before the last letter is drawn.
    await page.keyboard.press('q');
    assert.ok(await page.getByRole('button', { name: 'Add', exact: true }).evaluate((button) => !button.disabled));
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await eventuallyRows(page, ['Read Tomorrow']);

    // Text that another app shares.
    await page.goto(`${base}/?title=A%20page&text=&url=https%3A%2F%2Fexample.org%2Fa`);
    await page.getByRole('textbox', { name: 'Add a todo' }).waitFor();
    assert.equal(await page.getByRole('textbox', { name: 'Add a todo' }).inputValue(), 'A page // https://example.org/a');
    watched.assertNone();
    await context.close();
}

async function keyboard(browser) {
    const { context, page, watched } = await signedIn(browser);
    await go(page, 'inbox', 'Inbox');
    await add(page, 'One', 'Two', 'Three');
    await page.keyboard.press('j');
    assert.equal(await focused(page), 'One');
    await page.keyboard.press('j');
    await page.keyboard.press('1');
    await row(page, 'Two').getByText('High').waitFor();
    await page.keyboard.press('Alt+ArrowUp');
    await eventuallyRows(page, ['Two', 'One', 'Three']);
    await eventually('the focus stays', async () => (await focused(page)) === 'Two');
    assert.match(await page.locator('#live').textContent(), /“Two”, 1 of 3/);
    await page.keyboard.press('x');
    await eventuallyRows(page, ['One', 'Three']);
    await eventually('the focus goes to the next row', async () => (await focused(page)) === 'One');
    await page.keyboard.press('u');
    await eventuallyRows(page, ['Two', 'One', 'Three']);
    await focusRow(page, 'One');
    await page.keyboard.press('e');
    await page.getByRole('textbox', { name: 'Name' }).waitFor();
    await eventually('the name has the focus', async () => (await page.evaluate(() => document.activeElement.name)) === 'name');
    await page.keyboard.press('Escape');
    await eventually('the row has the focus again', async () => (await focused(page)) === 'One');
    await page.keyboard.press('d');
    await eventually('the date has the focus', async () => (await page.evaluate(() => document.activeElement.name)) === 'due');
    await page.keyboard.press('Escape');
    await eventually('the row has the focus again', async () => (await focused(page)) === 'One');
    await page.keyboard.press('Delete');
    await eventuallyRows(page, ['Two', 'Three']);
    await page.keyboard.press('Control+z');
    await eventuallyRows(page, ['Two', 'One', 'Three']);
    await page.keyboard.press('/');
    await eventually('the search has the focus', async () => (await page.evaluate(() => document.activeElement.id)) === 'search');
    await page.keyboard.type('thr');
    await eventuallyRows(page, ['Three']);
    await eventually('the address has the search', () => page.url().endsWith('#/search/thr'));
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(page), 'Three');
    for (const [key, title] of [['t', 'Today'], ['u', 'Upcoming'], ['d', 'Done'], ['x', 'Trash'], ['s', 'Settings'], ['i', 'Inbox']]) {
        await page.keyboard.press('g');
        await page.keyboard.press(key);
        await page.getByRole('heading', { level: 1, name: title }).waitFor();
    }
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Keyboard shortcuts' }).last().waitFor();
    await page.keyboard.press('Escape');

    await go(page, 'settings', 'Settings');
    await page.getByRole('switch').uncheck();
    await go(page, 'inbox', 'Inbox');
    await page.keyboard.press('q');
    assert.equal(await page.locator('dialog').count(), 0);
    watched.assertNone();
    await context.close();
}

async function details(browser) {
    const { context, page, watched, name } = await signedIn(browser);
    await go(page, 'inbox', 'Inbox');
    await add(page, 'Plan the trip');
    await row(page, 'Plan the trip').locator('.row-title').click();
    const editor = page.locator('.editor');
    await editor.getByLabel('Name').fill('Plan the long trip');
    await editor.getByLabel('Note').fill('Two\nlines');
    await editor.getByLabel('Date').fill('2030-01-31');
    await editor.getByRole('button', { name: 'Add a time' }).click();
    await editor.getByLabel('Time', { exact: true }).fill('09:30');
    await editor.getByLabel('Time zone').selectOption('Europe/Berlin');
    await editor.getByLabel('Repeat', { exact: true }).selectOption({ label: 'monthly on the last Thursday' });
    await editor.getByRole('radio', { name: 'High' }).check();
    await editor.getByLabel('Add a tag').fill('travel');
    await editor.getByLabel('Add a tag').press('Enter');
    await editor.getByLabel('Add a subtask').fill('Book flights');
    await editor.getByLabel('Add a subtask').press('Enter');
    await editor.getByRole('button', { name: 'Close' }).click();
    await eventuallyRows(page, ['Plan the long trip', 'Book flights']);
    await saved(page);
    const { items } = await api(name, '/todos');
    const trip = items.find((todo) => todo.name === 'Plan the long trip');
    assert.deepEqual([trip.description, trip.due, trip.recurrence.rule, trip.priority, trip.tags],
        ['Two\nlines', { at: '2030-01-31T09:30', time_zone: 'Europe/Berlin' }, 'FREQ=MONTHLY;BYDAY=-1TH', 'high', ['travel']]);
    assert.equal(items.find((todo) => todo.name === 'Book flights').parent_id, trip.id);

    // A recurring todo goes on, and the toast takes it back.
    await row(page, 'Plan the long trip').getByRole('checkbox').click();
    await page.getByText('Next: 28 Feb 2030').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await row(page, 'Plan the long trip').getByText('31 Jan 2030').waitFor();
    await eventually('the service took it back', async () => (await api(name, `/todos/${trip.id}`)).due.at === '2030-01-31T09:30');

    // A date without a time again.
    await row(page, 'Plan the long trip').locator('.row-title').click();
    await editor.getByLabel('Time', { exact: true }).fill('');
    await saved(page);
    await eventually('the date', async () => JSON.stringify((await api(name, `/todos/${trip.id}`)).due) === '{"date":"2030-01-31"}');
    await go(page, 'tag/travel', '@travel');
    await eventuallyRows(page, ['Plan the long trip']);
    watched.assertNone();
    await context.close();
}

async function pointer(browser) {
    const { context, page, watched, name } = await signedIn(browser);
    await go(page, 'inbox', 'Inbox');
    await add(page, 'One', 'Two', 'Three');
    const handle = await row(page, 'Three').locator('.handle').boundingBox();
    const first = await row(page, 'One').boundingBox();
    await page.mouse.move(handle.x + 10, handle.y + 10);
    await page.mouse.down();
    await page.mouse.move(handle.x + 10, first.y + 20, { steps: 5 });
    await page.mouse.move(handle.x + 10, first.y + 4, { steps: 2 });
    await page.mouse.up();
    await eventuallyRows(page, ['Three', 'One', 'Two']);
    assert.equal(await page.locator('dialog').count(), 0);
    await row(page, 'Three').getByRole('button', { name: /Actions/ }).click();
    await page.getByRole('menuitem', { name: 'Move to the bottom' }).click();
    await eventuallyRows(page, ['One', 'Two', 'Three']);
    await saved(page);
    assert.deepEqual((await api(name, '/todos')).items.map((todo) => todo.name), ['One', 'Two', 'Three']);
    watched.assertNone();
    await context.close();
}

/** Lists are moved by keyboard and by mouse. */
async function lists(browser) {
    const { context, page, watched, name } = await signedIn(browser);
    for (const list of ['Home', 'Work', 'Trip']) await api(name, '/lists', { method: 'POST', body: JSON.stringify({ name: list }) });
    const order = async (...names) => {
        await eventually(`the lists are ${names}`, async () => (await page.locator('.sidebar [data-id] .nav-label').allTextContents()).join() === names.join());
    };
    await order('Home', 'Work', 'Trip');
    const link = (list) => page.locator('.sidebar [data-id] a', { hasText: list });
    await link('Trip').focus();
    await page.keyboard.press('Alt+ArrowUp');
    await order('Home', 'Trip', 'Work');
    await eventually('the focus stays on the list', () => link('Trip').evaluate((element) => element === document.activeElement));
    const [home, work] = [await link('Home').boundingBox(), await link('Work').boundingBox()];
    await page.mouse.move(work.x + 40, work.y + 10);
    await page.mouse.down();
    await page.mouse.move(work.x + 40, home.y + 15, { steps: 5 });
    await page.mouse.move(work.x + 40, home.y + 2, { steps: 2 });
    await page.mouse.up();
    await order('Work', 'Home', 'Trip');
    assert.ok(!page.url().includes('/list/'), 'a drag does not open the list');
    await saved(page);
    assert.deepEqual((await api(name, '/lists')).items.map((list) => list.name), ['Work', 'Home', 'Trip']);
    await link('Work').click();
    await page.getByRole('heading', { level: 1, name: 'Work' }).waitFor();
    await api(name, '/lists', { method: 'POST', body: JSON.stringify({ name: 'A list whose name is longer than the navigation is wide' }) });
    await link('A list whose name').waitFor();
    await add(page, 'One of Work');
    const [count, side] = [await link('Work').locator('.count').boundingBox(), await page.locator('.sidebar').boundingBox()];
    assert.ok(count.x + count.width < side.x + side.width, 'a long name leaves the counts of other lists where they are');
    watched.assertNone();
    await context.close();
}

/** A page that is read from right to left is mirrored, and as wide as the window. */
async function rightToLeft(browser) {
    const { context, page, watched } = await signedIn(browser, { viewport: { width: 320, height: 780 } });
    await go(page, 'inbox', 'Inbox');
    await add(page, 'اشتر الحليب tomorrow 5pm @سوق !high', 'x'.repeat(200), 'Call Anna every monday');
    const assertMirrored = async (what, isFirst, isSecond) => {
        const [one, other] = [await isFirst.boundingBox(), await isSecond.boundingBox()];
        assert.ok(one.x > other.x, `${what} is mirrored`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(overflow <= 0, `${what} is ${overflow} px too wide`);
    };
    await page.evaluate(() => { document.documentElement.dir = 'rtl'; });
    const first = row(page, 'Call Anna');
    await assertMirrored('a row', first.locator('.tick'), first.locator('.handle'));
    await assertMirrored('the top bar', page.getByRole('button', { name: 'Menu' }), page.locator('.top-bar a[href="#/search"]'));
    await first.getByRole('button', { name: /Actions/ }).click();
    const menu = await page.locator('dialog.menu').boundingBox();
    assert.ok(menu.x >= 0 && menu.x + menu.width <= 320, 'the menu is within the window');
    await page.keyboard.press('Escape');
    await first.locator('.row-title').click();
    await page.locator('.editor, .sheet').getByLabel('Repeat', { exact: true }).waitFor();
    await assertMirrored('the details', first.locator('.tick'), first.locator('.handle'));
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 1280, height: 780 });
    await assertMirrored('the navigation', page.locator('.sidebar'), page.locator('main .column'));
    await screenshot(page, 'right-to-left');
    watched.assertNone();
    await context.close();
}

async function touch(browser) {
    const { context, page, watched } = await signedIn(browser, { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true });
    await page.getByRole('button', { name: 'Add a todo' }).last().tap();
    await page.getByRole('textbox', { name: 'Add a todo' }).fill('Buy bread');
    await page.getByRole('button', { name: 'Add', exact: true }).tap();
    await page.keyboard.press('Escape');
    await eventuallyRows(page, ['Buy bread']);
    const tick = await row(page, 'Buy bread').locator('.tick').boundingBox();
    assert.ok(tick.width >= 44 && tick.height >= 44, 'ticks are 44 px at least');
    await row(page, 'Buy bread').getByRole('button', { name: /Actions/ }).tap();
    await page.getByRole('menuitem', { name: 'Due tomorrow' }).tap();
    await page.getByText('Nothing left for today').waitFor();
    await page.getByRole('link', { name: 'Upcoming' }).tap();
    await row(page, 'Buy bread').getByRole('checkbox').tap();
    await page.getByRole('button', { name: 'Undo' }).tap();
    await eventuallyRows(page, ['Buy bread']);
    await page.getByRole('button', { name: 'Menu' }).tap();
    await page.locator('.drawer').getByRole('link', { name: 'Trash' }).tap();
    await page.getByText('The trash is empty').waitFor();
    watched.assertNone();
    await context.close();
}

async function offline(browser) {
    const { context, page, name } = await signedIn(browser);
    await go(page, 'inbox', 'Inbox');
    await add(page, 'Kept', 'Removed elsewhere');
    await saved(page);
    const gone = (await api(name, '/todos')).items.find((todo) => todo.name === 'Removed elsewhere');
    await context.setOffline(true);
    await row(page, 'Removed elsewhere').locator('.row-title').click();
    await page.locator('.editor').getByLabel('Name').fill('My words');
    await page.locator('.editor').getByRole('button', { name: 'Close' }).click();
    await add(page, 'Written offline');
    await page.getByText(/Offline · 2 changes not sent/).waitFor();
    await api(name, `/todos/${gone.id}?permanent=true`, { method: 'DELETE' });
    await context.setOffline(false);
    await page.getByRole('link', { name: '1 change was not saved' }).click();
    await page.getByText('My words').first().waitFor();
    await page.getByText('no longer there').waitFor();
    await page.getByRole('button', { name: 'Let it go' }).click();
    await page.getByText('Everything is saved').waitFor();
    await go(page, 'inbox', 'Inbox');
    await eventuallyRows(page, ['Kept', 'Written offline']);
    await context.close();
}

async function settings(browser) {
    const { context, page, watched, name } = await signedIn(browser);
    assert.equal((await api(name, '/user')).time_zone, 'Europe/Berlin');
    await go(page, 'settings', 'Settings');
    await page.getByRole('radio', { name: 'Dark' }).check();
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
    await page.reload();
    assert.equal(await page.evaluate(() => document.documentElement.className), 'dark');
    await page.getByLabel('Language', { exact: true }).selectOption('de');
    await page.getByRole('heading', { level: 1, name: 'Einstellungen' }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
    await page.getByLabel('Sprache', { exact: true }).selectOption('en');
    await page.getByLabel('Time zone', { exact: true }).selectOption('America/New_York');
    await eventually('the zone', async () => (await api(name, '/user')).time_zone === 'America/New_York');
    await page.getByLabel('Name', { exact: true }).fill('backup script');
    // The page was loaded again, so the service wants the password.
    watched.expect(401);
    await page.getByRole('region', { name: 'Access tokens' }).getByRole('button', { name: 'Create a token' }).click();
    await page.getByRole('dialog').getByLabel('Password').fill('wrong password');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByRole('dialog').getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Continue' }).click();
    assert.match(await page.locator('.new-token output').textContent(), /^tdo_[0-9A-Za-z]{38}$/);
    await page.getByRole('button', { name: 'End the token backup script' }).click();
    await page.getByText('No tokens').waitFor();
    await page.getByLabel('App', { exact: true }).selectOption('Evolution, Endeavour');
    await page.getByText(`${base}/dav/`, { exact: true }).waitFor();
    await page.getByLabel('App', { exact: true }).selectOption('iPhone, iPad');
    await page.getByText(new URL(base).host, { exact: true }).waitFor();
    // The password was given a moment ago.
    const calendars = page.getByRole('region', { name: 'Calendar and reminder apps' });
    await calendars.getByRole('button', { name: 'Create a token' }).click();
    const login = Buffer.from(`${name}:${await calendars.locator('output').textContent()}`).toString('base64');
    assert.equal((await fetch(`${base}/dav/`, { method: 'PROPFIND', headers: { authorization: `Basic ${login}`, depth: '0' } })).status, 207);
    await page.getByRole('button', { name: 'End the token iPhone, iPad' }).click();
    await page.getByText('No tokens').waitFor();
    // A change of password revokes the token that sync may be using.
    await page.getByLabel('Current password').fill(PASSWORD);
    await page.getByLabel('New password', { exact: true }).fill('another long word');
    await page.getByRole('button', { name: 'Change the password' }).click();
    await page.getByText('The password is changed').first().waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.getByLabel('Username').fill(name);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    watched.expect(0);
    await page.getByLabel('Password').fill('another long word');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1 }).waitFor();
    watched.assertNone();
    await context.close();
}

/** Every view and dialog with todos in it. */
async function views(page, look) {
    const press = async (keys) => { for (const key of keys) await page.keyboard.press(key); };
    await go(page, 'inbox', 'Inbox');
    await look('first-run');
    await page.getByRole('button', { name: 'New list' }).click();
    await look('new-list');
    await page.getByLabel('Name of the list').fill('Winter trip');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Winter trip' }).waitFor();
    await look('empty-list');
    await add(page, 'Plan the trip tomorrow !high // flights and a hotel', 'Pack @travel', 'Pay the rent every month 9am', 'Call Anna today', `${'A very long name '.repeat(12)}`, 'x'.repeat(300), 'اشتر الحليب');
    await row(page, 'Plan the trip').locator('.row-title').click();
    const child = page.locator('.editor, .sheet').getByLabel('Add a subtask');
    await child.fill('Book flights');
    await child.press('Enter');
    await look('details');
    await page.locator('.editor, .sheet').getByLabel('Repeat', { exact: true }).selectOption('custom');
    await look('details-repeat');
    await page.keyboard.press('Escape');
    await row(page, 'Pack').getByRole('button', { name: /Actions/ }).click();
    await look('menu');
    await page.keyboard.press('Escape');
    await focusRow(page, 'Call Anna');
    await press('x');
    await page.getByText('Completed “Call Anna”').waitFor();
    await look('list');
    await focusRow(page, 'Pack');
    await press('q');
    await page.keyboard.type('Call Ben every monday 9am #winter @phone !high // about the boat');
    await look('quick-add');
    await press(['Escape', '?']);
    await look('help');
    await press(['Escape']);
    for (const [view, title] of [['today', 'Today'], ['upcoming', 'Upcoming'], ['tag/travel', '@travel'], ['done', 'Done'], ['search/pl', '“pl”'], ['settings', 'Settings'], ['not-saved', 'Not saved'], ['list/000000000000000000000000', 'Not found']]) {
        await go(page, view, title);
        await look(view.split('/')[0]);
    }
    await go(page, 'inbox', 'Inbox');
    await add(page, 'Old idea');
    await focusRow(page, 'Old idea');
    await press(['Delete']);
    await go(page, 'trash', 'Trash');
    await look('trash');
    await page.getByRole('button', { name: 'Actions for the list' }).click();
    await page.getByRole('menuitem').click();
    await look('confirm');
    await press(['Escape']);
}

async function accessible(browser) {
    const { context, page, watched } = await signedIn(browser, { bypassCSP: true });
    let turn = 0;
    const look = async (name) => {
        const at = (turn++ % 3) * 2;
        const looks = process.env.LOOKS === 'all' ? ALL_LOOKS : [ALL_LOOKS[at], ALL_LOOKS[(at + 3) % 6]];
        await assertAccessible(page, name, looks);
    };
    await views(page, look);
    await go(page, 'settings', 'Settings');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await look('sign-in');
    await page.getByRole('button', { name: 'Create an account' }).click();
    await look('register');
    watched.assertNone();
    await context.close();
}

/** A file of another service: what it would do, its import, its undo, and an export. */
async function moving(browser) {
    const { context, page, watched } = await signedIn(browser, { bypassCSP: true });
    await go(page, 'settings', 'Settings');
    const file = (name, text) => page.getByLabel('File', { exact: true }).setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
    watched.expect(422);
    await file('broken.json', '{"format":"todo-api/export","version":1,"todos":[{"id":"1","name":"x"}]}');
    await page.getByText('An id must have 24 lower-case hex digits.').waitFor();
    const table = 'Title,List,Due,Tags,Priority,Notes\nBuy a map,Trip,2026-12-24,travel,high,\nAsk Ben,Trip,when it rains,phone,,\nPlain,,,,,a note\n';
    await file('todos.csv', table);
    await page.getByRole('heading', { name: 'What would be imported (csv)' }).waitFor();
    await page.getByText('New todos: 3. New lists: 1.').waitFor();
    await page.getByText('The due date `when it rains` was noted in the description.').waitFor();
    await assertAccessible(page, 'import-preview', ALL_LOOKS.slice(0, 2));
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByText('Imported todos: 3. Imported lists: 1.').waitFor();
    await go(page, 'inbox', 'Inbox');
    await eventuallyRows(page, ['Plain']);
    await go(page, 'settings', 'Settings');
    await page.getByRole('heading', { name: 'Imports of the last 30 days' }).waitFor();
    await file('tasks.ics', 'BEGIN:VCALENDAR\nX-WR-CALNAME:Garden\nBEGIN:VTODO\nUID:1\nSUMMARY:Plant a tree\nRRULE:FREQ=HOURLY;BYSECOND=1\nDUE:20261224T090000Z\nEND:VTODO\nEND:VCALENDAR\n');
    await page.getByRole('heading', { name: 'What would be imported (icalendar)' }).waitFor();
    await page.getByText('Plant a tree').waitFor();
    await page.getByText('Line 3: The repetition').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save the file' }).click()]);
    assert.match(download.suggestedFilename(), /^todo-api-.*\.json$/);
    await file('todos.csv', table);
    await page.getByText('Already here: 4, which stay as they are.').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await largeFiles(page);
    await longList(page);
    watched.assertNone();
    await context.close();
}

/** The browser compresses what is too large for a request. What stays too large is not sent. */
async function largeFiles(page) {
    const blanks = ' '.repeat(16 * 1024 * 1024);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'todo-'));
    const file = async (name, text) => {
        fs.writeFileSync(path.join(folder, name), text);
        await page.getByLabel('File', { exact: true }).setInputFiles(path.join(folder, name));
    };
    const todos = Array.from({ length: MANY }, (_, index) => ({ id: String(index).padStart(24, '0'), name: `Of a large file ${index}` }));
    await file('Tasks.json', `{"format":"todo-api/export","version":1,${blanks}"todos":${JSON.stringify(todos)}}`);
    await page.getByText(`New todos: ${MANY}. New lists: 0.`).waitFor();
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByText(`Imported todos: ${MANY}. Imported lists: 0.`).waitFor();
    await page.getByRole('button', { name: 'Import another file' }).click();
    await file('backup.zip', `PK${blanks}`);
    await page.getByText('The file is too large to send from here').waitFor();
    fs.rmSync(folder, { recursive: true });
}

/** A page draws the rows of a long list that are in sight, and all of them for a printer. */
async function longList(page) {
    await go(page, 'inbox', 'Inbox');
    await page.getByRole('button', { name: 'Show more' }).waitFor();
    assert.ok((await rows(page)).length < MANY);
    const [first] = await rows(page);
    await row(page, first).getByRole('button', { name: /Actions/ }).click();
    await page.getByRole('menuitem', { name: 'Move to the bottom' }).click();
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    await eventually('every row is drawn', async () => (await rows(page)).length > MANY);
    assert.equal((await rows(page)).at(-1), first);
    await go(page, 'search/of a large', '“of a large”');
    await eventually('a page of results is drawn', async () => (await rows(page)).length >= 75);
    assert.equal(new Set(await rows(page)).size, (await rows(page)).length);
}

/** The pages for developers. */
async function documents(browser) {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    const watched = watch(page);
    await page.goto(`${base}/docs/`);
    await page.locator('.opblock').first().waitFor();
    await page.locator('.opblock-post .opblock-summary-control').first().click();
    await page.locator('.responses-table').first().waitFor();
    await assertAccessible(page, 'docs', [ALL_LOOKS[0], ALL_LOOKS[3]]);
    await page.goto(`${base}/problems/version_mismatch`);
    await page.getByRole('heading', { level: 1, name: 'The object was modified' }).waitFor();
    await assertAccessible(page, 'problem');
    watched.assertNone();
    await context.close();
}

/** What the first visit costs. */
async function budget(browser) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const sizes = [];
    page.on('response', (response) => sizes.push(response.request().sizes().then(({ responseBodySize }) => [new URL(response.url()).pathname, responseBodySize])));
    await page.goto(base);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const icon = await page.waitForFunction(() => performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/icons/icon.svg'))?.toJSON());
    const { name, encodedBodySize } = await icon.jsonValue();
    sizes.push([new URL(name).pathname, encodedBodySize]);
    // The service worker loads the same files again, from the cache of the browser.
    const first = new Map(await Promise.all(sizes));
    const bytes = [...first.values()].reduce((sum, size) => sum + size, 0);
    console.log(`    first load: ${first.size} requests, ${bytes} bytes`);
    assert.ok(first.size <= 8, `8 requests at most: ${[...first.keys()]}`);
    assert.ok(bytes <= 60_000, `60 kB at most: ${JSON.stringify([...first])}`);
    await context.close();
}

/** Local times are the same in browsers with and without `Temporal`. */
async function localTimes(browser) {
    const context = await browser.newContext({ timezoneId: 'Asia/Kolkata' });
    await context.route('**/*', (route) => (route.request().url().includes('/due.js')
        ? route.fulfill({ path: DUE_MODULE, contentType: 'text/javascript' })
        : route.fulfill({ body: '<!doctype html>', contentType: 'text/html' })));
    const page = await context.newPage();
    await page.goto(base);
    const [compared, different] = await page.evaluate(async () => {
        const withTemporal = await import('/due.js?with');
        delete globalThis.Temporal;
        const without = await import('/due.js?without');
        const zones = [...Intl.supportedValuesOf('timeZone'), 'Mars/Olympus'];
        const hours = [...Array(400).keys()].map((index) => Date.UTC(1980, 0, 1) + index * 2_700_001_234);
        const all = zones.flatMap((zone) => hours.map((instant) => [zone, instant, withTemporal.localAt(instant, zone), without.localAt(instant, zone)]));
        const ofBrowser = ['browser', 0, withTemporal.zoneOfBrowser(), without.zoneOfBrowser()];
        return [all.length, [...all, ofBrowser].filter(([, , one, other]) => one !== other).slice(0, 9)];
    });
    assert.ok(compared > 100_000, String(compared));
    assert.deepEqual(different, []);
    await context.close();
}

const steps = { budget, localTimes, firstRun, slowService, quickAdd, keyboard, details, pointer, lists, rightToLeft, touch, offline, settings, moving, accessible, documents };
const wanted = process.env.STEPS?.split(',') ?? Object.keys(steps);
run(wanted.map((name) => [name, steps[name]]));
