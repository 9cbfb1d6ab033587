// What quick add understands. It reads whole words at the end and at the start of a text, and leaves everything else
// alone. The view shows each phrase that was understood as a chip that can be removed.
//
// Invariant: a text without a chip is returned unchanged, and the name is never empty.
import { addDays, addMonths, localAt, todayIn, weekdayFrom, weekdayOf } from './due.js';
import { weekdayCodes } from './recurrence.js';
import { englishWords } from './quick_words.js';
import { germanWords } from './quick_words_de.js';

const LONGEST_PHRASE = 7;
const pad = (number) => String(number).padStart(2, '0');

/**
 * @typedef {object} Chip
 * @property {'due' | 'list' | 'tag' | 'priority' | 'note'} kind
 * @property {string} raw the words as typed
 * @property {boolean} [atEnd]
 * @typedef {{date?: string, time?: string, at?: string, rule?: string, basis?: string}} When
 */

/**
 * @param {string} text
 * @param {{language: string, zone: string, now: number, lists: {id: string, name: string}[], skip?: Set<string>}} context
 *   `skip` has the phrases that the user wants to keep as text.
 */
export function parseQuick(text, context) {
    const state = { chips: /** @type {Chip[]} */ ([]), when: /** @type {When} */ ({}), fields: /** @type {any} */ ({}) };
    let rest = takeNote(text, state, context);
    for (const atEnd of [true, false]) {
        for (;;) {
            const next = takePhrase(rest, atEnd, state, context);
            if (next === null) break;
            rest = next;
        }
    }
    if (!state.chips.length) return { name: text.trim(), chips: [], fields: {} };
    const order = (chip) => text.indexOf(chip.raw);
    return { name: rest.trim(), chips: state.chips.sort((a, b) => order(a) - order(b)), fields: { ...state.fields, ...dueFields(state.when, context) } };
}

/** @param {string} text @param {any} state @param {{skip?: Set<string>}} context */
function takeNote(text, state, { skip }) {
    const match = /^(.*?\S)\s+(\/\/\s*(\S.*))$/su.exec(text);
    if (!match || skip?.has(match[2])) return text;
    state.chips.push({ kind: 'note', raw: match[2], atEnd: true });
    state.fields.description = match[3].trim();
    return match[1];
}

/** The text without the longest phrase at one end, or `null`. */
function takePhrase(text, atEnd, state, context) {
    const words = [...text.matchAll(/\S+/gu)];
    for (let count = Math.min(LONGEST_PHRASE, words.length - 1); count > 0; count--) {
        const [first, last] = atEnd ? [words.length - count, words.length - 1] : [0, count - 1];
        const from = words[first].index, to = words[last].index + words[last][0].length;
        const raw = text.slice(from, to);
        if (context.skip?.has(raw)) continue;
        const kind = accept(raw, atEnd, state, context);
        if (!kind) continue;
        state.chips.push({ kind, raw, atEnd });
        return atEnd ? text.slice(0, from) : text.slice(to);
    }
    return null;
}

/** @returns {Chip['kind'] | null} */
function accept(raw, atEnd, { when, fields }, context) {
    const words = context.language === 'de' ? germanWords : englishWords;
    if (/^#\S/u.test(raw)) {
        const list = fields.list_id === undefined && listNamed(raw.slice(1), context.lists);
        if (!list) return null;
        fields.list_id = list.id;
        return 'list';
    }
    if (/^@[\p{L}\p{N}][^\s@]*$/u.test(raw)) {
        fields.tags = [...new Set([...(fields.tags ?? []), raw.slice(1)])];
        return 'tag';
    }
    const priority = /^!\S+$/u.test(raw) && words.priorities[raw.slice(1).toLowerCase()];
    if (priority && !fields.priority) {
        fields.priority = priority;
        return 'priority';
    }
    const found = whenOf(raw, words, context, atEnd);
    if (!found || !fits(found, when)) return null;
    Object.assign(when, found);
    return 'due';
}

const fold = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[\s_-]+/gu, '');

function listNamed(name, lists) {
    const wanted = fold(name);
    const exact = lists.find((list) => fold(list.name) === wanted);
    const begins = lists.filter((list) => fold(list.name).startsWith(wanted));
    return exact ?? (wanted.length > 1 && begins.length === 1 ? begins[0] : null);
}

/** A time joins a day or a rule; two days do not join. */
function fits(found, when) {
    const hasDay = (one) => one.date || one.rule || one.at;
    return !(hasDay(found) && hasDay(when)) && !((found.time || found.at) && (when.time || when.at));
}

/** @returns {When | null} */
function whenOf(raw, words, context, atEnd) {
    const phrase = raw.replace(/\s+/gu, ' ').replace(/,(?= |$)/gu, '');
    const match = (patterns, text) => {
        for (const [pattern, read, startToo] of patterns) {
            if (!atEnd && !startToo) continue;
            const found = pattern.exec(text);
            const value = found && read(found, helpers(context));
            if (value) return value;
        }
        return null;
    };
    const day = (text) => match(words.days, text) ?? match(words.rules, text);
    const whole = day(phrase) ?? match(words.times, phrase);
    if (whole) return whole;
    for (let at = phrase.indexOf(' '); at > 0; at = phrase.indexOf(' ', at + 1)) {
        const [left, right] = [phrase.slice(0, at), phrase.slice(at + 1)];
        const pairs = [[left, right], [right, left]];
        for (const [dayPart, timePart] of pairs) {
            // Beside a day, a time needs no more than its digits.
            const time = match([...words.times, ...words.timesBesideDay], timePart);
            const found = time?.time && day(dayPart);
            if (found && !found.at) return { ...found, time: time.time };
        }
    }
    return null;
}

function helpers({ zone, now }) {
    const today = todayIn(zone, now);
    return {
        today,
        inDays: (days) => ({ date: addDays(today, days) }),
        inMonths: (months) => ({ date: addMonths(today, months) }),
        inMinutes: (minutes) => ({ at: localAt(now + minutes * 60_000, zone) }),
        /** The next such weekday after today. */
        weekday: (index) => ({ date: weekdayFrom(addDays(today, 1), index) }),
        nextWeek: () => ({ date: weekdayFrom(addDays(today, 1), 0) }),
        /** A day and a month without a year are the next such day. */
        dayOf: (day, month, year = null) => {
            const years = year ? [year < 100 ? 2000 + year : year] : [0, 1, 2, 3, 4].map((more) => Number(today.slice(0, 4)) + more);
            const dates = years.map((one) => `${one}-${pad(month)}-${pad(day)}`);
            const date = dates.find((one) => isRealDate(one) && (year || one >= today));
            return date ? { date } : null;
        },
        dayOfMonth: (day) => {
            const dates = [0, 1, 2].map((more) => `${addMonths(`${today.slice(0, 7)}-01`, more).slice(0, 8)}${pad(day)}`);
            const date = dates.find((one) => isRealDate(one) && one >= today);
            return date ? { date } : null;
        },
        time: (hour, minute = 0) => (hour < 24 && minute < 60 ? { time: `${pad(hour)}:${pad(minute)}` } : null),
    };
}

function isRealDate(date) {
    const instant = Date.parse(`${date}T00:00:00Z`);
    return !Number.isNaN(instant) && new Date(instant).toISOString().startsWith(date);
}

/** The fields of a todo for what was read. A time without a day is the next such time. */
function dueFields(when, { zone, now }) {
    const { rule, basis = 'due' } = when;
    if (!rule && !when.date && !when.time && !when.at) return {};
    const local = localAt(now, zone);
    const today = local.slice(0, 10);
    const recurrence = rule ? { recurrence: { rule, basis } } : {};
    if (when.at) return { due: { at: when.at, time_zone: null }, ...recurrence };
    let date = when.date ?? (rule ? firstOf(rule, today) : today);
    if (!when.time) return { due: { date }, ...recurrence };
    const hasPassed = `${date}T${when.time}` <= local;
    if (!when.date && hasPassed) date = rule ? firstOf(rule, addDays(today, 1)) : addDays(today, 1);
    return { due: { at: `${date}T${when.time}`, time_zone: null }, ...recurrence };
}

/** The first date of a rule of quick add, from a date on. */
function firstOf(rule, from) {
    const days = /BYDAY=([A-Z,]+)/.exec(rule)?.[1].split(',');
    const monthDay = Number(/BYMONTHDAY=(\d+)/.exec(rule)?.[1]);
    for (let more = 0; more < 366; more++) {
        const date = addDays(from, more);
        const fitsDay = !days || days.includes(weekdayCodes[weekdayOf(date)]);
        if (fitsDay && (!monthDay || Number(date.slice(8)) === monthDay)) return date;
    }
    return from;
}
