// The due date in the details: a day, or a time in a zone or wherever the user is.
import { html, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { addDays, daysBetween, isDate, localDue, todayIn, weekdayFrom } from '../model/due.js';
import { dueOn } from './acts.js';
import { Icon } from './icons.js';
import { t } from './i18n.js';
import { dueLabel } from './row.js';
import { clock, weekStart, zone } from './ui.js';

/** @param {{todo: import('../store/types.js').ShownTodo}} props */
export function DueFields({ todo }) {
    const due = /** @type {any} */ (todo.due);
    const date = due ? ('date' in due ? due.date : due.at.slice(0, 10)) : '';
    const time = due && 'at' in due ? due.at.slice(11, 16) : '';
    const [wantsTime, setWantsTime] = useState(false);
    const today = todayIn(zone.value, clock.value);
    const setDate = (value) => { if (isDate(value)) store.patch(todo.id, { due: dueOn(todo, value) }); };
    const setTime = (value) => {
        if (!value) return store.patch(todo.id, { due: { date } });
        return store.patch(todo.id, { due: { at: `${date}T${value}`, time_zone: due && 'at' in due ? due.time_zone : null } });
    };
    const clear = () => { setWantsTime(false); store.patch(todo.id, todo.recurrence ? { due: null, recurrence: null } : { due: null }); };
    const label = dueLabel(todo);
    // A plain date says no more than the field.
    const isNear = label && (label.isOverdue || Math.abs(daysBetween(today, localDue(due, zone.value).date)) <= 1 || ('at' in due && due.time_zone));
    const presets = [[t('today'), today], [t('tomorrow'), addDays(today, 1)], [t('next_week'), weekdayFrom(addDays(today, 1), weekStart.value)]];
    return html`<div class="editor-row due-row"><span class="row-label"><${Icon} name="calendar" />${t('due')}</span><div>
        <div class="due-line">
            <input type="date" name="due" aria-label=${t('date')} value=${date} min="1970-01-01" max="9999-12-31" onChange=${(event) => setDate(event.target.value)} />
            ${date && html`<button type="button" class="icon-button small" aria-label=${t('clear_due')} onClick=${clear}><${Icon} name="close" size=${16} /></button>`}
            ${date && (time || wantsTime) && html`<input type="time" name="time" aria-label=${t('time')} value=${time} onChange=${(event) => setTime(event.target.value)} />`}
            ${date && !time && !wantsTime && html`<button type="button" class="text-button" onClick=${() => setWantsTime(true)}>${t('add_time')}</button>`}
        </div>
        ${isNear && html`<p class=${label.isOverdue ? 'hint late' : 'hint'}>${label.isOverdue ? `${t('overdue')} · ` : ''}${label.text}</p>`}
        ${!date && html`<div class="presets">${presets.map(([name, day]) => html`<button type="button" class="chip-button" key=${name} onClick=${() => setDate(day)}>${name}</button>`)}</div>`}
        ${time && html`<${ZoneField} todo=${todo} due=${due} />`}
    </div></div>`;
}

/** All zones are listed only when the field is used, because there are more than 400. */
function ZoneField({ todo, due }) {
    const [isFull, setFull] = useState(false);
    const common = [...new Set([zone.value, due.time_zone].filter(Boolean))];
    const zones = isFull ? [...new Set([...common, .../** @type {any} */ (Intl).supportedValuesOf('timeZone')])] : common;
    return html`<select name="zone" aria-label=${t('zone')} value=${due.time_zone ?? ''} onPointerDown=${() => setFull(true)} onKeyDown=${() => setFull(true)}
        onChange=${(event) => store.patch(todo.id, { due: { at: due.at, time_zone: event.target.value || null } })}>
        <option value="">${t('zone_floating')}</option>
        ${zones.map((name) => html`<option key=${name} value=${name}>${name.replace(/_/g, ' ')}</option>`)}
    </select>`;
}
