// What this browser remembers about how the client looks and behaves. `boot.js` reads the same entry before the first
// paint.
import { signal } from '../../vendor/ui.js';

const PREFS_KEY = 'todo-prefs';
const defaults = { theme: 'system', language: 'auto', weekStart: 'auto', shortcuts: true, examples: true };

function readPrefs() {
    try { return { ...defaults, ...JSON.parse(localStorage.getItem(PREFS_KEY) ?? '{}') }; }
    catch { return { ...defaults }; }
}

export const prefs = signal(globalThis.localStorage ? readPrefs() : { ...defaults });

/** @param {Partial<typeof defaults>} changes */
export function setPrefs(changes) {
    prefs.value = { ...prefs.value, ...changes };
    // A browser that refuses storage keeps the choice for this tab.
    try { localStorage.setItem(PREFS_KEY, JSON.stringify(prefs.value)); } catch { /* see above */ }
    applyTheme();
}

export function applyTheme() {
    const root = document.documentElement;
    root.classList.toggle('dark', prefs.value.theme === 'dark');
    root.classList.toggle('light', prefs.value.theme === 'light');
}
