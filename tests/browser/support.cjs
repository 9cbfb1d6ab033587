// What the suites in this folder share: the service under test, a browser, and checks of any page.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');

const base = process.env.URL;
const admin = { name: process.env.ADMIN_NAME, password: process.env.ADMIN_PASSWORD };
const screenshots = process.env.SCREENSHOTS;
const axeSource = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const LOOKS = [['light', 1280], ['light', 320], ['dark', 1280], ['dark', 320]];
const ALL_LOOKS = [...LOOKS, ['light', 768], ['dark', 768]];
const HEIGHT = 800;
// Without `resultTypes`, axe also describes every element that passes.
const AXE = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] };

/** Collects errors in the console, statuses of errors, and requests to other hosts. `expect` allows one status. */
function watch(page) {
    const faults = [];
    let expected = 0;
    page.on('console', (message) => {
        // The browser logs the status of each error page.
        const isStatus = message.text().startsWith('Failed to load resource') && message.text().includes(String(expected));
        if (['error', 'warning'].includes(message.type()) && !isStatus) faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => {
        if (new URL(request.url()).origin !== new URL(base).origin) faults.push(`request to ${request.url()}`);
    });
    page.on('response', (response) => {
        if (response.status() >= 400 && response.status() !== expected) faults.push(`${response.status()} ${response.url()}`);
    });
    return {
        expect: (status) => { expected = status; },
        assertNone: () => assert.deepEqual(faults, []),
    };
}

/**
 * Runs axe on the page in these looks, by default in light and dark, at 320 and 1280 px, and checks that nothing is wider
 * than the window. axe is a script, so the context must have `bypassCSP`.
 */
async function assertAccessible(page, name, looks = LOOKS) {
    await page.evaluate(axeSource);
    for (const [colorScheme, width] of looks) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: HEIGHT });
        // The colours and the layout of the look are there with the next frame.
        await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));
        // Colours that change slowly are neither those of this look nor those of the last one.
        await page.evaluate(() => {
            const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
            return Promise.allSettled(transitions.map((transition) => transition.finished));
        });
        const { violations } = await page.evaluate((options) => window.axe.run(options), AXE);
        const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
        assert.deepEqual(found, [], `${name}, ${colorScheme}, ${width} px`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(overflow <= 0, `${name} is ${overflow} px wider than ${width} px`);
        await screenshot(page, `${name}-${colorScheme}-${width}`);
    }
    await page.setViewportSize({ width: 1280, height: HEIGHT });
}

async function screenshot(page, name) {
    if (screenshots) await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}

/** Sends a request to the API of the service. */
async function call(method, address, body, token) {
    const response = await fetch(base + address, {
        method,
        headers: { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) },
        body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text && JSON.parse(text) };
}

/** Runs the steps, each `[what, async (browser) => {}]`, and ends the process. */
async function run(steps) {
    if (screenshots) fs.mkdirSync(screenshots, { recursive: true });
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
    try {
        for (const [what, step] of steps) {
            const began = Date.now();
            await step(browser);
            console.log(`ok  ${what}  ${Date.now() - began} ms`);
        }
    } catch (error) {
        console.error(`FAILED  ${error.stack || error}`);
        process.exitCode = 1;
    } finally {
        await browser.close();
    }
}

module.exports = { ALL_LOOKS, admin, assertAccessible, base, call, run, screenshot, watch };
