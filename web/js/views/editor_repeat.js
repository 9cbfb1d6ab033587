// The recurrence in the details: presets, an own rule, and any other rule as text.
import { html, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { todayIn, weekdayOf } from '../model/due.js';
import { editable, ruleText, weekdayCodes, weekdayName } from '../model/recurrence.js';
import { presets, ruleOf } from '../model/recurrence_choices.js';
import { Icon } from './icons.js';
import { locale, t } from './i18n.js';
import { clock, weekStart, zone } from './ui.js';

const units = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'];

/** @param {{todo: import('../store/types.js').ShownTodo}} props */
export function RepeatFields({ todo }) {
    const { due, recurrence } = todo;
    const date = due ? ('date' in due ? due.date : due.at.slice(0, 10)) : todayIn(zone.value, clock.value);
    const rule = recurrence?.rule ?? '';
    const options = presets(date);
    const shown = rule ? editable(rule) : null;
    const isPreset = options.some((option) => option.rule === rule);
    const [isCustom, setCustom] = useState(false);
    const save = (changes) => store.patch(todo.id, {
        recurrence: { rule, basis: recurrence?.basis ?? 'due', ...changes },
        // A series begins with a date.
        ...(due ? {} : { due: { date } }),
    });
    const choose = (value) => {
        setCustom(value === 'custom');
        if (value === '') store.patch(todo.id, { recurrence: null });
        else if (value === 'custom') { if (!rule || !shown) save({ rule: `FREQ=WEEKLY;BYDAY=${weekdayCodes[weekdayOf(date)]}` }); }
        else if (value !== 'kept') save({ rule: value });
    };
    const value = !rule ? '' : isCustom && shown ? 'custom' : isPreset ? rule : shown ? 'custom' : 'kept';
    return html`<div class="editor-row repeat-row"><label class="row-label" for="repeat"><${Icon} name="repeat" />${t('repeat')}</label><div>
        <select id="repeat" name="repeat" value=${value} onChange=${(event) => choose(event.target.value)}>
            <option value="">${t('repeat_never')}</option>
            ${options.map((option) => html`<option key=${option.key} value=${option.rule}>${ruleText(option.rule, locale.value, t)}</option>`)}
            <option value="custom">${value === 'custom' && shown ? ruleText(rule, locale.value, t) : t('repeat_custom')}</option>
            ${rule && !shown && html`<option value="kept">${ruleText(rule, locale.value, t)}</option>`}
        </select>
        ${value === 'kept' && html`<p class="hint">${t('rule_kept')}</p>`}
        ${value === 'custom' && shown && html`<${CustomRule} shown=${shown} date=${date} save=${(changes) => save({ rule: ruleOf({ ...shown, ...changes }) })} />`}
        ${rule && html`<label class="stacked"><span>${t('repeat_basis')}</span><select value=${recurrence?.basis} onChange=${(event) => save({ basis: event.target.value })}>
            ${['due', 'completion', 'future'].map((basis) => html`<option key=${basis} value=${basis}>${t(`basis_${basis}`)}</option>`)}</select></label>`}
        ${recurrence?.left && html`<p class="hint">${t('repeat_left', { n: recurrence.left })}</p>`}
    </div></div>`;
}

function CustomRule({ shown, date, save }) {
    const days = [...weekdayCodes.slice(weekStart.value), ...weekdayCodes.slice(0, weekStart.value)];
    const setUnit = (freq) => save({ freq, days: freq === 'WEEKLY' ? [weekdayCodes[weekdayOf(date)]] : [], monthDay: freq === 'MONTHLY' ? String(Number(date.slice(8))) : null, nth: null });
    const toggleDay = (code) => {
        const chosen = shown.days.includes(code) ? shown.days.filter((one) => one !== code) : [...shown.days, code];
        if (chosen.length) save({ days: chosen });
    };
    return html`<div class="custom-rule">
        <span class="every">${t('repeat_every')} <input type="number" min="1" max="366" aria-label=${t('repeat_every')} value=${shown.interval} onChange=${(event) => save({ interval: Math.min(366, Math.max(1, Math.trunc(Number(event.target.value)) || 1)) })} />
        <select aria-label=${t('repeat')} value=${shown.freq} onChange=${(event) => setUnit(event.target.value)}>${units.map((unit) => html`<option key=${unit} value=${unit}>${t(`unit_${unit.toLowerCase()}`)}</option>`)}</select></span>
        ${shown.freq === 'WEEKLY' && html`<fieldset class="weekdays"><legend class="hidden">${t('on_days')}</legend>
            ${days.map((code) => html`<label key=${code}><input type="checkbox" aria-label=${weekdayName(code, locale.value)} checked=${shown.days.includes(code)} onChange=${(event) => { toggleDay(code); event.target.checked = shown.days.includes(code); }} /><span aria-hidden="true">${weekdayName(code, locale.value, 'short').slice(0, 2)}</span></label>`)}</fieldset>`}
    </div>`;
}
