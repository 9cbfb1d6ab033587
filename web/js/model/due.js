// Due dates: days, local times and zones, as the API defines them. A date stays that date in every zone; a time with a
// zone is shown in the zone of the user; a time without one is the time wherever the user is.

/** @typedef {{date: string} | {at: string, time_zone: string | null}} Due */

const MINUTE = 60_000;
const DAY = 86_400_000;
// A browser may not know the newest zones of the service.
const UNKNOWN = 'UTC';
// The first `Intl.DateTimeFormat` of a page takes longer than to draw everything else, so newer browsers do without it.
const temporal = /** @type {any} */ (globalThis).Temporal;
/** @type {Map<string, Intl.DateTimeFormat>} */
const zoneFormats = new Map();

/** @returns {string} */
export const zoneOfBrowser = () => temporal?.Now.timeZoneId() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

let latest = { instant: NaN, zone: '', local: '' };

/** The local time of an instant in a zone, as `YYYY-MM-DDTHH:MM`. */
export function localAt(instant, zone) {
    // Views ask for the current time once for each todo.
    if (latest.instant !== instant || latest.zone !== zone) latest = { instant, zone, local: formatLocal(instant, zone) };
    return latest.local;
}

function formatLocal(instant, zone) {
    if (temporal) return zoned(temporal.Instant.fromEpochMilliseconds(instant), zone).toPlainDateTime().toString({ smallestUnit: 'minute' });
    let format = zoneFormats.get(zone);
    if (!format) {
        const fields = /** @type {const} */ ({
            year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
        });
        try { format = new Intl.DateTimeFormat('en-CA', { ...fields, timeZone: zone }); }
        catch { format = new Intl.DateTimeFormat('en-CA', { ...fields, timeZone: UNKNOWN }); }
        zoneFormats.set(zone, format);
    }
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
    return `${part.year.padStart(4, '0')}-${part.month}-${part.day}T${part.hour}:${part.minute}`;
}

function zoned(instant, zone) {
    try { return instant.toZonedDateTimeISO(zone); }
    catch { return instant.toZonedDateTimeISO(UNKNOWN); }
}

export function todayIn(zone, now) {
    return localAt(now, zone).slice(0, 10);
}

/** The instant of a local time in a zone. A time that a change of the clock skips is the one after the gap. */
export function instantOf(at, zone) {
    const wanted = Date.parse(`${at}:00Z`);
    const offset = (instant) => Date.parse(`${localAt(instant, zone)}:00Z`) - Math.floor(instant / MINUTE) * MINUTE;
    const first = wanted - offset(wanted);
    const second = wanted - offset(first);
    return localAt(second, zone) === at ? second : Math.max(first, second);
}

/** The local time of each due date that is written in another zone, because views and counts ask for all of them at each change.
 * @type {WeakMap<object, {zone: string, local: string}>} */
const converted = new WeakMap();

/** @param {Due} due @returns {{date: string, time: string | null}} The day and the time in the zone of the user. */
export function localDue(due, zone) {
    if ('date' in due) return { date: due.date, time: null };
    const at = due.time_zone && due.time_zone !== zone ? inZone(due, due.time_zone, zone) : due.at;
    return { date: at.slice(0, 10), time: at.slice(11, 16) };
}

function inZone(due, from, zone) {
    const known = converted.get(due);
    if (known && known.zone === zone) return known.local;
    const local = localAt(instantOf(due.at, from), zone);
    converted.set(due, { zone, local });
    return local;
}

/** A date is late when its day is over in the zone of the user, a time when it has come. */
export function isLate(due, zone, now) {
    const { date, time } = localDue(due, zone);
    const current = localAt(now, zone);
    return time ? `${date}T${time}` <= current : date < current.slice(0, 10);
}

/** Sorts by local time as written. A day without a time comes before the times of that day. */
export function compareDue(a, b, zone) {
    const key = (due) => {
        if (!due) return '9999-99';
        const { date, time } = localDue(due, zone);
        return `${date}T${time ?? ''}`;
    };
    const [left, right] = [key(a), key(b)];
    return left < right ? -1 : Number(left > right);
}

const utc = (date) => Date.parse(`${date}T00:00:00Z`);
const isoDay = (instant) => new Date(instant).toISOString().slice(0, 10);

export function addDays(date, days) {
    return isoDay(utc(date) + days * DAY);
}

/** The same day in a later month, or the last day of that month. */
export function addMonths(date, months) {
    const [year, month, day] = date.split('-').map(Number);
    const last = new Date(Date.UTC(year, month - 1 + months + 1, 0)).getUTCDate();
    return isoDay(Date.UTC(year, month - 1 + months, Math.min(day, last)));
}

/** 0 is Monday. */
export function weekdayOf(date) {
    return (new Date(utc(date)).getUTCDay() + 6) % 7;
}

/** The first date with this weekday, from a date on and including it. */
export function weekdayFrom(date, weekday) {
    return addDays(date, (weekday - weekdayOf(date) + 7) % 7);
}

export function daysBetween(from, to) {
    return Math.round((utc(to) - utc(from)) / DAY);
}

/** Whether a text is a date that exists, from 1970 to 9999. */
export function isDate(text) {
    return /^(?!0|19[0-6])\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(utc(text)) && isoDay(utc(text)) === text;
}

/** The first day of the week where a language is spoken; 0 is Monday. */
export function weekStartOf(locale) {
    try {
        const described = /** @type {any} */ (new Intl.Locale(locale).maximize());
        const first = (described.getWeekInfo?.() ?? described.weekInfo)?.firstDay;
        return first ? (first + 6) % 7 : 0;
    } catch {
        return 0;
    }
}

/** The day of a date as people say it: `today`, a weekday within a week, or a date. */
export function dayText(date, today, locale, words) {
    const distance = daysBetween(today, date);
    if (distance === 0) return words.today;
    if (distance === 1) return words.tomorrow;
    if (distance === -1) return words.yesterday;
    const year = date.slice(0, 4) === today.slice(0, 4) ? undefined : /** @type {const} */ ('numeric');
    const weekday = distance > 1 && distance < 14 ? /** @type {const} */ ('short') : undefined;
    return formatDay(date, locale, { weekday, day: 'numeric', month: 'short', year });
}

/** To make a format takes longer than to draw a row. @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {Intl.DateTimeFormatOptions} options */
function formatOf(locale, options) {
    const key = locale + JSON.stringify(options);
    let format = formats.get(key);
    if (!format) formats.set(key, format = new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' }));
    return format;
}

/** @param {Intl.DateTimeFormatOptions} options */
export function formatDay(date, locale, options) {
    return formatOf(locale, options).format(utc(date));
}

export function formatTime(time, locale) {
    return formatOf(locale, { hour: 'numeric', minute: '2-digit' }).format(Date.parse(`1970-01-01T${time}:00Z`));
}
