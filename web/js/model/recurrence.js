// Recurrence rules (RFC 5545) as people read them.
import { addDays, addMonths, formatDay, localAt, weekdayOf } from './due.js';

export const weekdayCodes = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];

/** @returns {Record<string, string>} The parts of the first line. */
export function ruleParts(rule) {
    const line = rule.split(/[\r\n]/, 1)[0].replace(/^RRULE:/i, '');
    return Object.fromEntries(line.toUpperCase().split(';').filter(Boolean).map((part) => part.split('=', 2)));
}

/** What the editor shows of a rule, or `null` if the editor cannot show all of it. */
export function editable(rule) {
    if (/[\r\n]/.test(rule.trim())) return null;
    const { FREQ, INTERVAL = '1', BYDAY, BYMONTHDAY, SKIP, RSCALE, ...rest } = ruleParts(rule);
    const isPlain = !Object.keys(rest).length && /^[1-9]\d{0,2}$/.test(INTERVAL);
    const days = BYDAY?.split(',') ?? [];
    const nth = days.length === 1 ? /^([1-5]|-1)(MO|TU|WE|TH|FR|SA|SU)$/.exec(days[0]) : null;
    const areWeekdays = days.every((day) => weekdayCodes.includes(day));
    const monthDay = BYMONTHDAY === undefined || /^([1-9]|[12]\d|3[01]|-1)$/.test(BYMONTHDAY);
    const isShown = isPlain && monthDay && (
        ((FREQ === 'DAILY' || FREQ === 'YEARLY') && !BYDAY && !BYMONTHDAY && !SKIP)
        || (FREQ === 'WEEKLY' && areWeekdays && !BYMONTHDAY && !SKIP)
        || (FREQ === 'MONTHLY' && !(BYDAY && BYMONTHDAY) && (!BYDAY || nth !== null) && (!SKIP || (SKIP === 'BACKWARD' && !!BYMONTHDAY)))
    ) && (!RSCALE || RSCALE === 'GREGORIAN');
    if (!isShown) return null;
    return { freq: FREQ, interval: Number(INTERVAL), days: nth ? [] : days, monthDay: BYMONTHDAY ?? null, nth: nth ? nth[0] : null };
}

/** The name of a weekday, from its code. */
export function weekdayName(code, locale, style = /** @type {'long' | 'short' | 'narrow'} */ ('long')) {
    // 2024-01-01 was a Monday.
    return formatDay(`2024-01-0${weekdayCodes.indexOf(code) + 1}`, locale, { weekday: style });
}

/**
 * A rule as a sentence. `t` is the table of texts. A rule with parts that have no words here is returned as it is.
 * @param {(key: string, values?: Record<string, any>) => string} t
 */
export function ruleText(rule, locale, t) {
    const parts = ruleParts(rule);
    const shown = editable([...Object.entries(parts)].filter(([key]) => !['COUNT', 'UNTIL', 'WKST'].includes(key)).map((part) => part.join('=')).join(';'));
    if (!shown) return rule.split(/[\r\n]/, 1)[0];
    let text = unitText(shown, locale, t);
    if (parts.UNTIL) {
        const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)/.exec(parts.UNTIL) ?? [];
        text = t('repeat_until', { text, date: formatDay(`${year}-${month}-${day}`, locale, { day: 'numeric', month: 'short', year: 'numeric' }) });
    }
    return text;
}

function unitText({ freq, interval, days, monthDay, nth }, locale, t) {
    const names = new Intl.ListFormat(locale, { type: 'conjunction' });
    if (freq === 'WEEKLY' && interval === 1 && days.length === 5 && !days.includes('SA') && !days.includes('SU')) return t('repeat_weekdays');
    const every = t(`repeat_${freq.toLowerCase()}`, { n: interval });
    if (freq === 'WEEKLY' && days.length) {
        return t('repeat_on', { text: every, days: names.format(days.map((day) => weekdayName(day, locale, 'short'))) });
    }
    if (freq === 'MONTHLY' && nth) {
        const [, count, day] = /** @type {RegExpExecArray} */ (/^(-?\d)(..)$/.exec(nth));
        return t('repeat_on_the', { text: every, day: t(`nth_${count === '-1' ? 'last' : count}`, { day: weekdayName(day, locale) }) });
    }
    if (freq === 'MONTHLY' && monthDay) {
        return monthDay === '-1' ? t('repeat_on_last_day', { text: every }) : t('repeat_on_day', { text: every, day: monthDay });
    }
    return every;
}

const MONTHS_MAX = 120;

/** The dates of a rule after a date, for a series with that date. @returns {Generator<string>} */
function* datesAfter({ freq, interval, days, monthDay, nth }, from) {
    if (freq === 'DAILY') for (let date = from; ;) yield date = addDays(date, interval);
    if (freq === 'WEEKLY') {
        const wanted = days.length ? days.map((day) => weekdayCodes.indexOf(day)) : [weekdayOf(from)];
        const monday = addDays(from, -weekdayOf(from));
        for (let week = 0; ; week += interval) {
            for (const day of [0, 1, 2, 3, 4, 5, 6]) {
                const date = addDays(monday, week * 7 + day);
                if (wanted.includes(day) && date > from) yield date;
            }
        }
    }
    const months = freq === 'YEARLY' ? 12 * interval : interval;
    for (let more = nth || monthDay ? 0 : months; more <= MONTHS_MAX * months; more += months) {
        const month = addMonths(`${from.slice(0, 7)}-01`, more);
        const date = nth ? nthWeekday(month, nth) : dayInMonth(month, Number(monthDay ?? from.slice(8)), Boolean(monthDay));
        if (date && date > from) yield date;
    }
}

function nthWeekday(month, nth) {
    const [, count, code] = /** @type {RegExpExecArray} */ (/^(-?\d)(..)$/.exec(nth));
    const wanted = weekdayCodes.indexOf(code);
    if (count === '-1') {
        const last = addDays(addMonths(month, 1), -1);
        return addDays(last, -((weekdayOf(last) - wanted + 7) % 7));
    }
    const date = addDays(addDays(month, (wanted - weekdayOf(month) + 7) % 7), 7 * (Number(count) - 1));
    return date.slice(0, 7) === month.slice(0, 7) ? date : null;
}

function dayInMonth(month, day, movesBack) {
    const last = addDays(addMonths(month, 1), -1);
    if (day === -1) return last;
    if (day <= Number(last.slice(8))) return `${month.slice(0, 8)}${String(day).padStart(2, '0')}`;
    return movesBack ? last : null;
}

/**
 * Where completing a recurring todo moves its due date, for rules that the editor writes. The server decides; this is
 * what the view shows until its answer arrives.
 * @param {{due: any, recurrence: any}} todo @returns {import('./due.js').Due | undefined}
 */
export function nextDue({ due, recurrence }, zone, now) {
    const shown = recurrence && due && !recurrence.left ? editable(recurrence.rule) : null;
    // Without `SKIP`, a month without the day is left out.
    if (!shown || (shown.monthDay && Number(shown.monthDay) > 28 && !/SKIP=BACKWARD/i.test(recurrence.rule))) return undefined;
    const isDay = 'date' in due;
    const current = isDay ? due.date : due.at.slice(0, 10);
    const local = localAt(now, isDay ? zone : due.time_zone ?? zone);
    const at = (date) => (isDay ? { date } : { ...due, at: `${date}${due.at.slice(10)}` });
    if (recurrence.basis === 'completion') return at(datesAfter(shown, local.slice(0, 10)).next().value);
    for (const date of datesAfter(shown, current)) {
        const isLater = isDay ? date > local.slice(0, 10) : `${date}${due.at.slice(10, 16)}` > local;
        if (recurrence.basis !== 'future' || isLater) return at(date);
    }
    return undefined;
}
