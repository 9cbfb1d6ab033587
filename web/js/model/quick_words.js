// The words of quick add in English, patterns over a whole phrase. A row with `true` also counts at the start of a
// text. Rows that would misread ordinary sentences ("Sun cream", "March of the penguins") do not.

export const number = (text, words) => Number(text) || words[text.toLowerCase()] || 0;
export const bounded = (value, highest) => (value >= 1 && value <= highest ? value : 0);

export const rule = (freq, interval = 1, more = '', basis = undefined) => ({
    rule: `FREQ=${freq}${interval > 1 ? `;INTERVAL=${interval}` : ''}${more}`, ...(basis ? { basis } : {}),
});

/** The rule for `every` with a number and a unit. */
export function everyUnit(count, unit, units, basis) {
    const freq = units[unit.toLowerCase()];
    return freq && count ? rule(freq, count, '', basis) : null;
}

/** A rule for weekdays such as `mon, wed and fri`. */
export function everyWeekday(text, joiner, names) {
    const codes = text.toLowerCase().split(joiner).map((word) => names[word.replace(/\.$/, '')]);
    if (!codes.length || codes.some((index) => index === undefined)) return null;
    const order = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
    return rule('WEEKLY', 1, `;BYDAY=${order.filter((_, index) => codes.includes(index)).join(',')}`);
}

const ISO_DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
export const isoRow = [ISO_DATE, ([, year, month, day], on) => on.dayOf(+day, +month, +year), true];

const enDays = {
    monday: 0, tuesday: 1, wednesday: 2, thursday: 3, friday: 4, saturday: 5, sunday: 6,
    mon: 0, tue: 1, tues: 1, wed: 2, thu: 3, thur: 3, thurs: 3, fri: 4, sat: 5, sun: 6,
};
const enMonths = {
    january: 1, february: 2, march: 3, april: 4, may: 5, june: 6, july: 7, august: 8, september: 9, october: 10,
    november: 11, december: 12, jan: 1, feb: 2, mar: 3, apr: 4, jun: 6, jul: 7, aug: 8, sep: 9, sept: 9, oct: 10, nov: 11, dec: 12,
};
const enNumbers = { a: 1, an: 1, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, other: 2 };
const enUnits = {
    day: 'DAILY', days: 'DAILY', week: 'WEEKLY', weeks: 'WEEKLY', month: 'MONTHLY', months: 'MONTHLY', year: 'YEARLY', years: 'YEARLY',
};
const enLong = 'monday|tuesday|wednesday|thursday|friday|saturday|sunday';
const enName = Object.keys(enMonths).join('|');

/** @type {any} */
export const englishWords = {
    priorities: { high: 'high', medium: 'medium', low: 'low', 1: 'high', 2: 'medium', 3: 'low' },
    days: [
        isoRow,
        [/^(?:today|tonight)$/i, (_, on) => on.inDays(0), true],
        [/^(?:tomorrow|tmrw)$/i, (_, on) => on.inDays(1), true],
        [/^(?:the )?day after tomorrow$/i, (_, on) => on.inDays(2), true],
        [new RegExp(`^(?:on |next |this )?(${enLong})$`, 'i'), ([, name], on) => on.weekday(enDays[name.toLowerCase()]), true],
        [/^(?:on |next |this )?(mon|tues?|wed|thu|thurs?|fri)$/i, ([, name], on) => on.weekday(enDays[name.toLowerCase()])],
        // "Enjoy the sun" and "where she sat" are no dates.
        [/^(?:on|next|this) (sat|sun)$/i, ([, name], on) => on.weekday(enDays[name.toLowerCase()])],
        [/^(?:this |on the )?weekend$/i, (_, on) => on.weekday(5)],
        [/^next week$/i, (_, on) => on.nextWeek(), true],
        [/^next month$/i, (_, on) => ({ date: `${on.inMonths(1).date.slice(0, 8)}01` }), true],
        [/^in (\d{1,3}|an?|one|two|three|four|five|six|seven) (minutes?|mins?|hours?|days?|weeks?|months?|years?)$/i, inUnits, true],
        [new RegExp(`^(?:on )?(?:the )?(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${enName})\\.?(?: (\\d{4}))?$`, 'i'), ([, day, name, year], on) => on.dayOf(+day, enMonths[name.toLowerCase()], +year || null)],
        [new RegExp(`^(?:on )?(${enName})\\.? (\\d{1,2})(?:st|nd|rd|th)?(?: (\\d{4}))?$`, 'i'), ([, name, day, year], on) => on.dayOf(+day, enMonths[name.toLowerCase()], +year || null)],
        [/^on the (\d{1,2})(?:st|nd|rd|th)$/i, ([, day], on) => on.dayOfMonth(+day)],
    ],
    rules: [
        [/^(?:daily|everyday)$/i, () => rule('DAILY')],
        [/^weekly$/i, () => rule('WEEKLY')],
        [/^monthly$/i, () => rule('MONTHLY')],
        [/^yearly$/i, () => rule('YEARLY')],
        [/^every (?:weekday|workday)s?$/i, () => rule('WEEKLY', 1, ';BYDAY=MO,TU,WE,TH,FR'), true],
        [/^every(!?) (?:(\d{1,3}|other|two|three|four|five|six|seven) )?(days?|weeks?|months?|years?)$/i, ([, after, count, unit]) => everyUnit(count ? bounded(number(count, enNumbers), 366) : 1, unit, enUnits, after && 'completion'), true],
        [/^every (\d{1,2})(?:st|nd|rd|th)$/i, ([, day]) => (bounded(+day, 28) ? rule('MONTHLY', 1, `;BYMONTHDAY=${+day}`) : null), true],
        [/^every ([a-z]+(?:(?:,? and |, ?| )[a-z]+){0,6})$/i, ([, days]) => everyWeekday(days.replace(/s\b/gi, (s, at) => (days.slice(0, at).match(/day$/i) ? '' : s)), /,? and |, ?| /, enDays), true],
    ],
    times: [
        [/^(?:at )?(\d{1,2})(?:[:.](\d\d))? ?([ap])\.?m\.?$/i, ([, hour, minute, half], on) => (+hour >= 1 && +hour <= 12 ? on.time((+hour % 12) + (half.toLowerCase() === 'p' ? 12 : 0), +(minute ?? 0)) : null)],
        [/^at (\d{1,2}):(\d\d)$/i, ([, hour, minute], on) => on.time(+hour, +minute)],
        // One digit before the colon is more often a verse or a score.
        [/^(\d\d):(\d\d)$/, ([, hour, minute], on) => on.time(+hour, +minute)],
        [/^at (?:noon|midday)$/i, (_, on) => on.time(12)],
    ],
    timesBesideDay: [
        [/^(\d{1,2}):(\d\d)$/, ([, hour, minute], on) => on.time(+hour, +minute), true],
        [/^at (\d{1,2})$/i, ([, hour], on) => on.time(+hour), true],
        [/^(?:at )?(\d{1,2})(?:[:.](\d\d))? ?([ap])\.?m\.?$/i, ([, hour, minute, half], on) => (+hour >= 1 && +hour <= 12 ? on.time((+hour % 12) + (half.toLowerCase() === 'p' ? 12 : 0), +(minute ?? 0)) : null), true],
    ],
};

function inUnits([, count, unit], on) {
    const many = number(count, enNumbers), one = unit.toLowerCase();
    if (one.startsWith('min')) return on.inMinutes(many);
    if (one.startsWith('hour')) return on.inMinutes(many * 60);
    if (one.startsWith('month')) return on.inMonths(many);
    if (one.startsWith('year')) return on.inMonths(many * 12);
    return on.inDays(many * (one.startsWith('week') ? 7 : 1));
}
