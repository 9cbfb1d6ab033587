// Recurrence rules (RFC 5545) as people read them, and the rules that the editor can write. Every other rule is kept.
import { formatDay, weekdayOf } from './due.js';

export const weekdayCodes = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];

/** @returns {Record<string, string>} The parts of the first line. */
export function ruleParts(rule) {
    const line = rule.split(/[\r\n]/, 1)[0].replace(/^RRULE:/i, '');
    return Object.fromEntries(line.toUpperCase().split(';').filter(Boolean).map((part) => part.split('=', 2)));
}

/** The presets of the editor for a series that begins on a date. */
export function presets(date) {
    const day = weekdayCodes[weekdayOf(date)];
    const number = Number(date.slice(8));
    const nth = number > 28 ? -1 : Math.ceil(number / 7);
    return [
        { key: 'daily', rule: 'FREQ=DAILY' },
        { key: 'weekdays', rule: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR' },
        { key: 'weekly', rule: `FREQ=WEEKLY;BYDAY=${day}` },
        { key: 'monthly_day', rule: number > 28 ? `FREQ=MONTHLY;BYMONTHDAY=${number};SKIP=BACKWARD;RSCALE=GREGORIAN` : `FREQ=MONTHLY;BYMONTHDAY=${number}` },
        { key: 'monthly_weekday', rule: `FREQ=MONTHLY;BYDAY=${nth}${day}` },
        { key: 'yearly', rule: 'FREQ=YEARLY' },
    ];
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

/** The rule for what the editor shows. */
export function ruleOf({ freq, interval, days, monthDay, nth }) {
    let rule = `FREQ=${freq}`;
    if (interval > 1) rule += `;INTERVAL=${interval}`;
    if (freq === 'WEEKLY' && days.length) rule += `;BYDAY=${weekdayCodes.filter((day) => days.includes(day)).join(',')}`;
    if (freq === 'MONTHLY' && nth) rule += `;BYDAY=${nth}`;
    else if (freq === 'MONTHLY' && monthDay) {
        rule += `;BYMONTHDAY=${monthDay}`;
        if (Number(monthDay) > 28) rule += ';SKIP=BACKWARD;RSCALE=GREGORIAN';
    }
    return rule;
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
