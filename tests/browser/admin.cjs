// The admin pages.
'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const http = require('node:http');
const { admin, assertAccessible, base, call, run, screenshot, watch } = require('./support.cjs');

const COOKIE = 'todo_admin';

async function signIn(page, password = admin.password) {
    await page.getByLabel('Username').fill(admin.name);
    await page.getByLabel('Password').fill(password);
    await page.getByLabel('Password').press('Enter');
}

/** A user with a session and a personal access token. */
async function registered(name, password = 'a long enough word') {
    assert.equal((await call('POST', '/v1/register', { username: name, password })).status, 201);
    const login = await call('POST', '/v1/login', { username: name, password, device: 'laptop' });
    const token = { name: 'Backup script', scopes: ['todos:read', 'todos:write'], expires_at: '2099-01-31T12:00:00Z' };
    assert.equal((await call('POST', '/v1/tokens', token, login.body.access_token)).status, 201);
    return login.body;
}

/** Uses every page and form. Calls `look` with each page. */
async function walk(page, look) {
    const watched = watch(page);
    const user = `ann-${crypto.randomUUID().slice(0, 6)}`;
    const press = (name) => page.getByRole('button', { name, exact: typeof name === 'string' }).first().click();
    const see = (text) => page.getByText(text).first().waitFor({ timeout: 5000 });
    const title = (text) => page.getByRole('heading', { name: text, level: 1, exact: true }).waitFor({ timeout: 5000 });
    const open = async (address, text) => {
        await page.goto(base + address);
        await title(text);
    };
    const act = async (name, message) => {
        await press(name);
        await see(message);
    };

    await open('/admin/users', 'Sign in');
    await look('sign-in');
    watched.expect(401);
    await signIn(page, 'wrong');
    await see('The username or the password is wrong.');
    await look('sign-in-refused');
    await signIn(page);
    await title('Users');
    watched.expect(0);

    await page.getByRole('link', { name: 'Overview' }).click();
    await title('Overview');
    await look('overview');
    await page.getByRole('link', { name: 'Users' }).first().click();
    await page.getByRole('link', { name: 'New user' }).click();
    await look('new-user');
    watched.expect(422);
    await page.getByLabel('Username').fill('x');
    await page.getByLabel('Email (optional)').fill('ann@example.org');
    await act('Create user', 'The username must have 3 to 64 characters.');
    await look('new-user-refused');
    watched.expect(0);
    await page.getByLabel('Username').fill(user);
    const password = await page.getByLabel('Password', { exact: true }).inputValue();
    await act('Create user', 'The user was created.');
    const address = new URL(page.url()).pathname;
    await look('user-new');

    const login = (body) => call('POST', '/v1/login', { username: user, ...body });
    const chosen = 'a long enough word';
    assert.equal((await login({ password })).status, 403);
    const laptop = await login({ password, new_password: chosen, device: 'laptop' });
    assert.equal((await login({ password: chosen, device: 'telephone' })).status, 200);
    for (const token of [{ name: 'Backup script', scopes: ['todos:read'] }, { name: 'Calendar', scopes: ['caldav'] }]) {
        assert.equal((await call('POST', '/v1/tokens', token, laptop.body.access_token)).status, 201);
    }

    await open(address, user);
    await look('user');
    await act(/^Block/, 'The session was blocked.');
    await look('user-blocked');
    await act(/^Unblock/, 'The session was unblocked.');
    await act('End: telephone', 'The session was ended.');
    await act('End all sessions', 'All sessions were ended.');
    await act('End: Calendar', 'The access token was ended.');
    await act('End all access tokens', 'All access tokens were ended.');
    await act('Disable', 'The user was disabled.');
    await look('user-disabled');
    assert.equal((await login({ password: chosen })).status, 401);
    await act('Enable', 'The user was enabled.');
    await act('Make administrator', 'The user is an administrator now.');
    await act('Remove administrator', 'The user is no longer an administrator.');
    watched.expect(422);
    await page.getByLabel('New password', { exact: true }).fill('short');
    await act('Set password', 'The password must have 8 to 128 characters.');
    await look('user-refused');
    watched.expect(0);
    await page.getByLabel('New password', { exact: true }).fill('another long word');
    await page.getByLabel('For one use').uncheck();
    await act('Set password', 'The password was set.');
    assert.equal((await login({ password: 'another long word' })).status, 200);

    await open('/admin/users', 'Users');
    await look('users');
    await page.getByLabel('Name or email').fill(user.toUpperCase());
    await page.getByLabel('State').selectOption('active');
    await press('Search');
    await page.getByRole('link', { name: user }).waitFor();
    await page.goto(`${base}/admin/users?q=nobody-has-this-name`);
    await see('No user matches.');
    await look('users-none');

    await open('/admin/audit', 'Audit');
    await look('audit');
    await page.getByLabel('Username / ID').fill(user);
    await page.getByLabel('Event').selectOption('session_blocked');
    await press('Show');
    await page.getByRole('cell', { name: 'session blocked' }).first().waitFor();

    watched.expect(404);
    await open('/admin/nothing', 'That did not work');
    await look('error');
    watched.expect(0);
    await open(address, user);
    await ageThePassword(page.context());
    await press('Disable');
    await title('Confirm with your password');
    await look('confirm');
    await page.getByLabel('Your password').fill(admin.password);
    await act('Continue', 'The user was disabled.');
    await page.getByRole('link', { name: 'Delete user' }).click();
    await see('This cannot be undone.');
    await look('delete');
    await act('Delete user', 'The user was deleted.');
    await act('Sign out', 'You are signed out.');
    await open('/admin', 'Sign in');
    watched.assertNone();
}

/** Replaces the cookie by one that says that the password was given 10 minutes ago, signed with the key of the service. */
async function ageThePassword(context) {
    const cookie = (await context.cookies()).find(({ name }) => name === COOKIE);
    const [header, claims] = cookie.value.split('.');
    const aged = JSON.parse(Buffer.from(claims, 'base64url'));
    aged.auth_time -= 600;
    const message = `${header}.${Buffer.from(JSON.stringify(aged)).toString('base64url')}`;
    const key = Buffer.from(crypto.hkdfSync('sha256', process.env.JWT_SECRET, 'todo-api', 'page token', 32));
    const signature = crypto.createHmac('sha256', key).update(message).digest('base64url');
    await context.addCookies([{ ...cookie, value: `${message}.${signature}` }]);
}

async function withoutScripts(browser) {
    const context = await browser.newContext({ javaScriptEnabled: false });
    await walk(await context.newPage(), async () => {});
    await context.close();
}

async function accessible(browser) {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    await walk(page, (name) => assertAccessible(page, name));
    await context.close();
}

/** German words are longer. */
async function german(browser) {
    const { session_id: sid } = await registered('jürgen');
    assert.ok(sid);
    const context = await browser.newContext({ bypassCSP: true, locale: 'de-DE' });
    const page = await context.newPage();
    await page.goto(`${base}/admin`);
    const look = (name) => assertAccessible(page, `german-${name}`, [['light', 320]]);
    await look('sign-in');
    await page.getByLabel('Benutzername').fill(admin.name);
    await page.getByLabel('Passwort').fill(admin.password);
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByRole('heading', { name: 'Übersicht' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'de');
    await look('overview');
    for (const address of ['/admin/users', '/admin/users/new', '/admin/audit']) {
        await page.goto(base + address);
        await look(address.slice(1).replaceAll('/', '-'));
    }
    await page.goto(`${base}/admin/users?q=jürgen`);
    await page.getByRole('link', { name: 'jürgen' }).click();
    await look('user');
    await page.getByRole('link', { name: 'Benutzer löschen' }).click();
    await page.getByRole('heading', { name: 'jürgen löschen?' }).waitFor();
    await look('delete');
    await context.close();
}

/** Disables a user without a mouse. */
async function keyboard(browser) {
    await registered('keyboard-user');
    const context = await browser.newContext();
    const page = await context.newPage();
    const watched = watch(page);
    const focused = () => page.evaluate(() => {
        const { activeElement: element } = document;
        const name = element.getAttribute('aria-label') || element.textContent.trim() || element.id;
        return { name, outline: getComputedStyle(element).outlineStyle };
    });
    const tabTo = async (wanted) => {
        for (let pressed = 0; pressed < 40; pressed += 1) {
            await page.keyboard.press('Tab');
            const { name, outline } = await focused();
            assert.notEqual(outline, 'none', `the focus on ${name} is visible`);
            if (name === wanted) return;
        }
        assert.fail(`the keyboard does not reach ${wanted}`);
    };
    const title = (name) => page.getByRole('heading', { name, level: 1, exact: true }).waitFor();

    await page.goto(`${base}/admin`);
    assert.equal((await focused()).name, 'username');
    await page.keyboard.type(admin.name);
    await page.keyboard.press('Tab');
    await page.keyboard.type(admin.password);
    await page.keyboard.press('Enter');
    await title('Overview');
    await tabTo('Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await tabTo('Users');
    await page.keyboard.press('Enter');
    await title('Users');
    await tabTo('q');
    await page.keyboard.type('keyboard-user');
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=keyboard-user/);
    await tabTo('keyboard-user');
    await page.keyboard.press('Enter');
    await title('keyboard-user');
    await tabTo('Disable');
    await page.keyboard.press('Space');
    await page.getByText('The user was disabled.').waitFor();
    await tabTo('Delete user');
    watched.assertNone();
    await context.close();
}

/** Another port of the same host gets the cookies of the service, and another host does not. */
async function otherOrigins(browser) {
    const { access_token: token } = await registered('victim');
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${base}/admin`);
    await signIn(page);
    await page.goto(`${base}/admin/users?q=victim`);
    await page.getByRole('link', { name: 'victim' }).click();
    const action = `${page.url()}/disable`;
    const form = `<form action="${action}" method="post"><button>You have won</button></form>`;
    const attacker = http.createServer((_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end(form);
    });
    await new Promise((resolve) => attacker.listen(0, '0.0.0.0', resolve));
    try {
        for (const host of ['127.0.0.1', 'localhost']) {
            await page.goto(`http://${host}:${attacker.address().port}/`);
            const refused = page.waitForResponse((response) => response.url() === action);
            await page.getByRole('button').click();
            assert.equal((await refused).status(), 403, host);
            await page.getByText('nothing was changed').waitFor();
        }
    } finally {
        attacker.close();
    }
    assert.equal((await call('GET', '/v1/user', undefined, token)).status, 200);
    // The admin is still signed in, and the pages cannot be put into a frame.
    await page.goto(`${base}/admin`);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await context.close();
}

/** On paper there are tables without the controls. */
async function printed(browser) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${base}/admin/audit`);
    await signIn(page);
    await page.emulateMedia({ media: 'print' });
    // The width of A4 without its margins.
    await page.setViewportSize({ width: 718, height: 1000 });
    await page.getByRole('columnheader', { name: 'Event' }).waitFor();
    for (const control of [page.getByRole('button'), page.getByRole('navigation')]) {
        assert.equal(await control.filter({ visible: true }).count(), 0);
    }
    await screenshot(page, 'audit-printed');
    await context.close();
}

/** w3m sends `Referer` and neither `Origin` nor `Sec-Fetch-Site`. */
async function textBrowser() {
    const w3m = (address, { headers = [], input } = {}) => {
        const flags = [...headers.flatMap((header) => ['-header', header]), ...(input ? ['-post', '-'] : [])];
        return execFileSync(process.env.W3M, ['-dump', '-cols', '100', ...flags, base + address], { input, encoding: 'utf8' });
    };
    const page = w3m('/admin');
    for (const text of ['Sign in', 'Username', 'Password']) assert.ok(page.includes(text), page);
    const fields = new URLSearchParams({ username: admin.name, password: admin.password });
    const own = { headers: [`Referer: ${base}/admin/sign-in`], input: String(fields) };
    const overview = w3m('/admin/sign-in', own);
    for (const text of ['Signed in as root', 'Failed logins', 'MongoDB version']) assert.ok(overview.includes(text), overview);
    const refused = w3m('/admin/sign-in', { ...own, headers: ['Referer: http://other.example/'] });
    assert.ok(refused.includes('nothing was changed'), refused);
}

run([
    ['every page and form without JavaScript', withoutScripts],
    ['axe finds nothing in light and dark, at 320 and 1280 px', accessible],
    ['German fits on narrow screens', german],
    ['the keyboard suffices', keyboard],
    ['forms on other origins do nothing', otherOrigins],
    ['pages can be printed', printed],
    ['w3m shows the pages and signs in', textBrowser],
]);
