// The texts of the chosen language.
import { computed, signal } from '../../vendor/ui.js';
import { prefs } from './prefs.js';
import { english } from '../text/en.js';

export const languages = { en: 'English', de: 'Deutsch' };
const tables = signal(/** @type {Record<string, typeof english>} */ ({ en: english }));

/** The chosen language, or the first of the browser that there is a table for. */
const wantedLanguage = () => {
    const tags = [prefs.value.language, ...navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())];
    return tags.find((tag) => tag in languages) ?? 'en';
};

/** The language that is shown, which is English until the table of another one is there. */
export const language = computed(() => (wantedLanguage() in tables.value ? wantedLanguage() : 'en'));

/** @param {'en' | 'de'} code @param {typeof english} texts */
export function addTexts(code, texts) {
    tables.value = { ...tables.value, [code]: { ...tables.value[code], ...texts } };
}

/** Loads the table of the wanted language. Everything else works if this fails. */
export async function loadLanguage() {
    if (wantedLanguage() in tables.value) return;
    try {
        const { german } = await import('../text/de.js');
        addTexts('de', german);
    } catch (error) {
        console.warn('the texts could not be loaded', error);
    }
}

/** The locale for dates and numbers: that of the browser where it has the language, because it knows the region. */
export const locale = computed(() => navigator.languages.find((tag) => tag.toLowerCase().startsWith(language.value)) ?? language.value);

const plurals = computed(() => new Intl.PluralRules(language.value));

/** @param {string} key @param {Record<string, any>} [values] */
export function t(key, values = {}) {
    const entry = tables.value[language.value][key] ?? tables.value.en[key] ?? key;
    const text = typeof entry === 'string' ? entry : entry[plurals.value.select(values.n)] ?? entry.other ?? key;
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}
