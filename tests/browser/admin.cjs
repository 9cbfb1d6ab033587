// The admin pages in a real browser. scripts/browser starts this.
'use strict';

const assert = require('node:assert/strict');
const { admin, assertAccessible, base, run, watch } = require('./support.cjs');

/** Uses every page and form. Calls `look` with each page. */
async function walk(page, watched, look) {
    const user = `ann-${Math.random().toString(36).slice(2, 8)}`;
    const press = (name) => page.getByRole('button', { name, exact: true }).click();
    const see = (text) => page.getByText(text).first().waitFor({ timeout: 5000 });
    const open = async (address, title) => {
        await page.goto(base + address);
        assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), title);
    };
    const signIn = async (password) => {
        await page.getByLabel('Username').fill(admin.name);
        await page.getByLabel('Password').fill(password);
        await page.getByLabel('Password').press('Enter');
    };

    await open('/admin/users', 'Sign in');
    await look('sign-in');
    watched.expect(401);
    await signIn('wrong');
    await see('The username or the password is wrong.');
    await look('sign-in-refused');
    await signIn(admin.password);
    await page.getByRole('heading', { name: 'Users', level: 1 }).waitFor();
    watched.expect(0);

    await open('/admin', 'Overview');
    await look('overview');
    await page.getByRole('link', { name: 'Users' }).first().click();
    await page.getByRole('link', { name: 'New user' }).click();
    await look('new-user');
    watched.expect(422);
    await page.getByLabel('Username').fill('x');
    await page.getByLabel('Email (optional)').fill('ann@example.org');
    await press('Create user');
    await see('The username must have 3 to 64 characters.');
    await look('new-user-refused');
    watched.expect(0);
    await page.getByLabel('Username').fill(user);
    const password = await page.getByLabel('Password', { exact: true }).inputValue();
    await press('Create user');
    await see('The user was created.');
    const address = new URL(page.url()).pathname;

    // Two sessions of the user, through the API.
    const login = (body) => fetch(`${base}/v1/login`, {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: user, ...body }),
    });
    const chosen = 'a long enough word';
    assert.equal((await login({ password })).status, 403);
    assert.equal((await login({ password, new_password: chosen, device: 'laptop' })).status, 200);
    assert.equal((await login({ password: chosen, device: 'telephone' })).status, 200);

    await open(address, user);
    await look('user');
    await page.getByRole('button', { name: 'Block' }).first().click();
    await see('The session was blocked.');
    await look('user-blocked');
    await press('Unblock');
    await see('The session was unblocked.');
    await page.getByRole('button', { name: 'End', exact: true }).first().click();
    await see('The session was ended.');
    await press('End all sessions');
    await see('All sessions were ended.');
    await press('Disable');
    await see('The user was disabled.');
    await look('user-disabled');
    assert.equal((await login({ password: chosen })).status, 401);
    await press('Enable');
    await see('The user was enabled.');
    await press('Make administrator');
    await see('The user is an administrator now.');
    await press('Remove administrator');
    await see('The user is no longer an administrator.');
    watched.expect(422);
    await page.getByLabel('New password', { exact: true }).fill('short');
    await press('Set password');
    await see('The password must have 8 to 128 characters.');
    watched.expect(0);
    await page.getByLabel('New password', { exact: true }).fill('another long word');
    await page.getByLabel('For one use').uncheck();
    await press('Set password');
    await see('The password was set.');
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
    await page.getByLabel('Username / Id').fill(user);
    await page.getByLabel('Event').selectOption('session_blocked');
    await press('Show');
    await page.getByRole('cell', { name: 'session blocked' }).first().waitFor();

    watched.expect(404);
    await open('/admin/nothing', 'That did not work');
    await look('error');
    watched.expect(0);
    await open(address, user);
    await page.getByRole('link', { name: 'Delete user' }).click();
    await see('This cannot be undone.');
    await look('delete');
    await press('Delete user');
    await see('The user was deleted.');
    await press('Sign out');
    await see('You are signed out.');
    await page.goto(`${base}/admin`);
    assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Sign in');
    watched.assertNone();
}

async function withoutScripts(browser) {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await walk(page, watch(page), async () => {});
    await context.close();
}

async function accessible(browser) {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    await walk(page, watch(page), (name) => assertAccessible(page, name));
    await context.close();
}

async function keyboard(browser) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${base}/admin`);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'username');
    await page.keyboard.type(admin.name);
    await page.keyboard.press('Tab');
    await page.keyboard.type(admin.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await context.close();
}

run([
    ['every page and form without JavaScript', withoutScripts],
    ['axe finds nothing in light and dark, at 320 and 1280 px', accessible],
    ['signing in and skipping to the content by keyboard', keyboard],
]);
