// The words of quick add in German. They are loaded with the texts in German.
import { bounded, everyUnit, everyWeekday, isoRow, number, rule } from './quick_words.js';

const deDays = {
    montag: 0, dienstag: 1, mittwoch: 2, donnerstag: 3, freitag: 4, samstag: 5, sonnabend: 5, sonntag: 6,
    mo: 0, di: 1, mi: 2, do: 3, fr: 4, sa: 5, so: 6,
};
const deMonths = {
    januar: 1, februar: 2, märz: 3, april: 4, mai: 5, juni: 6, juli: 7, august: 8, september: 9, oktober: 10, november: 11,
    dezember: 12, jan: 1, feb: 2, mär: 3, apr: 4, jun: 6, jul: 7, aug: 8, sep: 9, okt: 10, nov: 11, dez: 12,
};
const deNumbers = { einem: 1, einer: 1, zwei: 2, drei: 3, vier: 4, fünf: 5, sechs: 6, sieben: 7 };
const deUnits = {
    tag: 'DAILY', tage: 'DAILY', tagen: 'DAILY', woche: 'WEEKLY', wochen: 'WEEKLY', monat: 'MONTHLY', monate: 'MONTHLY', monaten: 'MONTHLY',
    jahr: 'YEARLY', jahre: 'YEARLY', jahren: 'YEARLY',
};
const deLong = 'montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag';

/** @type {any} */
export const germanWords = {
    priorities: { hoch: 'high', mittel: 'medium', niedrig: 'low', high: 'high', medium: 'medium', low: 'low', 1: 'high', 2: 'medium', 3: 'low' },
    days: [
        isoRow,
        [/^heute(?: abend)?$/i, (_, on) => on.inDays(0), true],
        // "Guten Morgen" is no date.
        [/^morgen$/, (_, on) => on.inDays(1), true],
        [/^übermorgen$/i, (_, on) => on.inDays(2), true],
        [new RegExp(`^(?:am |nächsten |diesen |kommenden )?(${deLong})$`, 'i'), ([, name], on) => on.weekday(deDays[name.toLowerCase()]), true],
        [/^(?:am |nächsten )?(Mo|Di|Mi|Do|Fr|Sa|So)\.?$/, ([, name], on) => on.weekday(deDays[name.toLowerCase()])],
        [/^am wochenende$/i, (_, on) => on.weekday(5)],
        [/^nächste woche$/i, (_, on) => on.nextWeek(), true],
        [/^nächsten monat$/i, (_, on) => ({ date: `${on.inMonths(1).date.slice(0, 8)}01` }), true],
        [/^in (\d{1,3}|einem|einer|zwei|drei|vier|fünf|sechs|sieben) (minuten?|stunden?|tag|tagen|wochen?|monat|monaten|jahr|jahren)$/i, inEinheiten, true],
        [/^(?:am )?(\d{1,2})\. ?(\d{1,2})\.(?: ?(\d{4}|\d\d))?$/, ([, day, month, year], on) => on.dayOf(+day, +month, +year || null)],
        [new RegExp(`^(?:am )?(\\d{1,2})\\. (${Object.keys(deMonths).join('|')})\\.?(?: (\\d{4}))?$`, 'i'), ([, day, name, year], on) => on.dayOf(+day, deMonths[name.toLowerCase()], +year || null)],
        [/^am (\d{1,2})\.$/i, ([, day], on) => on.dayOfMonth(+day)],
    ],
    rules: [
        [/^täglich$/i, () => rule('DAILY')],
        [/^wöchentlich$/i, () => rule('WEEKLY')],
        [/^monatlich$/i, () => rule('MONTHLY')],
        [/^jährlich$/i, () => rule('YEARLY')],
        [/^(?:werktags|jeden (?:werktag|wochentag))$/i, () => rule('WEEKLY', 1, ';BYDAY=MO,TU,WE,TH,FR'), true],
        [/^jede[ns]?(!?) (tag|woche|monat|jahr)$/i, ([, after, unit]) => everyUnit(1, unit, deUnits, after && 'completion'), true],
        [/^alle(!?) (\d{1,3}|zwei|drei|vier|fünf|sechs|sieben) (tage|wochen|monate|jahre)$/i, ([, after, count, unit]) => everyUnit(bounded(number(count, deNumbers), 366), unit, deUnits, after && 'completion'), true],
        [/^jeden (\d{1,2})\.$/i, ([, day]) => (bounded(+day, 28) ? rule('MONTHLY', 1, `;BYMONTHDAY=${+day}`) : null), true],
        [/^jeden ([a-z]+\.?(?:(?: und |, ?| )[a-z]+\.?){0,6})$/i, ([, days]) => everyWeekday(days, / und |, ?| /, deDays), true],
    ],
    times: [
        [/^(?:um )?(\d{1,2})(?:[:.](\d\d))? uhr$/i, ([, hour, minute], on) => on.time(+hour, +(minute ?? 0))],
        [/^um (\d{1,2}):(\d\d)$/i, ([, hour, minute], on) => on.time(+hour, +minute)],
        [/^(\d\d):(\d\d)$/, ([, hour, minute], on) => on.time(+hour, +minute)],
    ],
    timesBesideDay: [
        [/^(?:um )?(\d{1,2})(?:[:.](\d\d))?(?: uhr)?$/i, ([match, hour, minute], on) => (/[:.]|uhr|um/i.test(match) ? on.time(+hour, +(minute ?? 0)) : null), true],
    ],
};

function inEinheiten([, count, unit], on) {
    const many = number(count, deNumbers), one = unit.toLowerCase();
    if (one.startsWith('minute')) return on.inMinutes(many);
    if (one.startsWith('stunde')) return on.inMinutes(many * 60);
    if (one.startsWith('monat')) return on.inMonths(many);
    if (one.startsWith('jahr')) return on.inMonths(many * 12);
    return on.inDays(many * (one.startsWith('woche') ? 7 : 1));
}
