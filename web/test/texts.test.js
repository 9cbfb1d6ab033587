// The tables of texts, and the sentences for recurrence rules.
import assert from 'node:assert/strict';
import test from 'node:test';
import { editable, ruleText } from '../js/model/recurrence.js';
import { presets, ruleOf } from '../js/model/recurrence_choices.js';
import { english as first } from '../js/text/en.js';
import { englishMore } from '../js/text/en_more.js';
import { german } from '../js/text/de.js';

const english = { ...first, ...englishMore };
const holes = (entry) => new Set([...(typeof entry === 'string' ? entry : entry.other).matchAll(/\{(\w+)\}/g)].map(([, name]) => name));

test('both languages have the same keys and the same values to fill in', () => {
    assert.deepEqual(Object.keys(german).sort(), Object.keys(english).sort());
    assert.deepEqual(Object.keys(first).filter((key) => key in englishMore), []);
    for (const [key, entry] of Object.entries(english)) {
        assert.equal(typeof german[key], typeof entry, key);
        assert.deepEqual(holes(german[key]), holes(entry), key);
    }
});

function texts(table, language) {
    const plurals = new Intl.PluralRules(language);
    return (key, values = {}) => {
        const entry = table[key];
        const text = typeof entry === 'string' ? entry : entry[plurals.select(values.n)];
        return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    };
}

test('rules are sentences', () => {
    const rows = [
        ['FREQ=DAILY', 'daily', 'täglich'],
        ['FREQ=DAILY;INTERVAL=3', 'every 3 days', 'alle 3 Tage'],
        ['RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;', 'every weekday', 'werktags'],
        ['FREQ=WEEKLY;BYDAY=MO,TH', 'weekly on Mon and Thu', 'wöchentlich am Mo und Do'],
        ['FREQ=MONTHLY;BYDAY=-1FR', 'monthly on the last Friday', 'monatlich am letzten Freitag'],
        ['FREQ=MONTHLY;BYMONTHDAY=15;COUNT=3', 'monthly on day 15', 'monatlich am 15.'],
        ['FREQ=YEARLY;UNTIL=20301231', 'yearly until 31 Dec 2030', 'jährlich bis 31. Dez. 2030'],
        ['FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2', 'FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2', 'FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2'],
        ['FREQ=WEEKLY;BYMONTH=1', 'FREQ=WEEKLY;BYMONTH=1', 'FREQ=WEEKLY;BYMONTH=1'],
    ];
    for (const [rule, en, de] of rows) {
        assert.equal(ruleText(rule, 'en-GB', texts(english, 'en')), en);
        assert.equal(ruleText(rule, 'de', texts(german, 'de')), de);
    }
});

test('the editor shows what it writes, and keeps other rules', () => {
    for (const date of ['2026-11-28', '2026-01-31', '2028-02-29']) {
        for (const { rule } of presets(date)) assert.equal(ruleOf(editable(rule)), rule);
    }
    for (const rule of ['FREQ=DAILY;COUNT=3', 'FREQ=WEEKLY;UNTIL=20301231', 'FREQ=MONTHLY;BYDAY=MO,1TU', 'FREQ=HOURLY', 'FREQ=DAILY\nEXDATE:20261224']) {
        assert.equal(editable(rule), null, rule);
    }
});
