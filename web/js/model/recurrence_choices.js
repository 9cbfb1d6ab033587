// The recurrence rules that the editor writes. Every other rule is kept.
import { weekdayOf } from './due.js';
import { weekdayCodes } from './recurrence.js';

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
