// The texts of the chosen language.
import { computed } from '../../vendor/ui.js';
import { prefs } from './prefs.js';
import { english } from '../text/en.js';
import { german } from '../text/de.js';

export const languages = { en: 'English', de: 'Deutsch' };
const tables = { en: english, de: german };

/** The language that is shown: the chosen one, or the first of the browser that there is a table for. */
export const language = computed(() => {
    const wanted = prefs.value.language;
    if (wanted in tables) return wanted;
    const known = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in tables);
    return known ?? 'en';
});

/** The locale for dates and numbers: that of the browser where it has the language, because it knows the region. */
export const locale = computed(() => navigator.languages.find((tag) => tag.toLowerCase().startsWith(language.value)) ?? language.value);

const plurals = computed(() => new Intl.PluralRules(language.value));

/** @param {string} key @param {Record<string, any>} [values] */
export function t(key, values = {}) {
    const entry = tables[language.value][key] ?? english[key] ?? key;
    const text = typeof entry === 'string' ? entry : entry[plurals.value.select(values.n)] ?? entry.other ?? key;
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}
