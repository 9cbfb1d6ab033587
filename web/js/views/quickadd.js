// Quick add: one line of text, and what was understood of it as chips.
import { html, useEffect, useRef, useState } from '../../vendor/ui.js';
import { store } from '../store/store.js';
import { addDays, todayIn } from '../model/due.js';
import { ruleText } from '../model/recurrence.js';
import { listName } from './acts.js';
import { Dialog } from './dialog.js';
import { Icon } from './icons.js';
import { language, locale, t } from './i18n.js';
import { loadQuickParser, quickParser } from './lazy.js';
import { dueLabel } from './row.js';
import { clock, quickText, route, showToast, zone } from './ui.js';

const NAME_LENGTH_MAX = 500;
const chipIcons = { due: 'calendar', list: 'inbox', tag: 'tag', priority: 'flag', note: 'note' };

/** The fields that the view gives to a new todo. */
function placeOf({ view, arg }) {
    if (view === 'list') return { list_id: arg };
    if (view === 'tag') return { tags: [arg] };
    if (view === 'today') return { due: { date: todayIn(zone.value, clock.value) } };
    if (view === 'upcoming') return { due: { date: addDays(todayIn(zone.value, clock.value), 1) } };
    return {};
}

function chipText(chip, fields) {
    if (chip.kind === 'due') {
        const rule = fields.recurrence ? `${ruleText(fields.recurrence.rule, locale.value, t)} · ` : '';
        return `${rule}${dueLabel({ due: fields.due, completed: false })?.text ?? ''}`;
    }
    if (chip.kind === 'list') return listName(fields.list_id);
    if (chip.kind === 'priority') return t(`priority_${fields.priority}`);
    return chip.raw.replace(/^\/\/\s*|^@/, '');
}

/** What a line of text becomes. @param {string} text @param {Set<string>} skip */
function read(text, skip) {
    const context = { language: language.value, zone: zone.value, now: Date.now(), lists: store.lists.value, skip };
    const { name, chips, fields } = quickParser.value?.(text, context) ?? { name: text.trim(), chips: [], fields: /** @type {any} */ ({}) };
    const place = placeOf(route.value);
    const tags = [...new Set([...(place.tags ?? []), ...(fields.tags ?? [])])];
    return { name, chips, fields, place, todo: { ...place, ...fields, tags, name: name.slice(0, NAME_LENGTH_MAX) } };
}

function addTodo({ name, todo }) {
    // A name that is too long keeps its end in the note.
    const rest = name.slice(NAME_LENGTH_MAX);
    if (rest) todo.description = [rest, todo.description].filter(Boolean).join('\n');
    store.add(todo);
    showToast(todo.list_id ? t('added_to', { name: todo.name, list: listName(todo.list_id) }) : t('added', { name: todo.name }), { undo: true });
}

export function QuickAdd() {
    const [text, setText] = useState(quickText.value ?? '');
    const [skip, setSkip] = useState(/** @type {Set<string>} */ (new Set()));
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    const isWaiting = useRef(false);
    const close = () => { quickText.value = null; };
    const { name, chips, fields, place } = read(text, skip);
    const keep = (raw) => { setSkip(new Set([...skip, raw])); input.current?.focus(); };
    useEffect(() => { input.current?.focus(); loadQuickParser(); }, []);

    const submit = async (event) => {
        event.preventDefault();
        if (isWaiting.current) return;
        isWaiting.current = true;
        const line = input.current?.value ?? text;
        // Who types faster than the parser loads gets the same todo, with everything that was typed until then. Without the
        // condition, Escape right after Enter would close the dialog before the text is read.
        if (!quickParser.value) await loadQuickParser();
        isWaiting.current = false;
        const ready = read(input.current?.value ?? line, skip);
        if (!ready.name) return;
        addTodo(ready);
        setText('');
        setSkip(new Set());
    };
    const onKeyDown = (event) => {
        const atEnd = event.target.selectionStart === text.length && event.target.selectionEnd === text.length;
        const last = chips.findLast((chip) => chip.atEnd && text.endsWith(chip.raw));
        // One Backspace after a phrase was understood keeps it as text.
        if (event.key !== 'Backspace' || !atEnd || !last) return;
        event.preventDefault();
        keep(last.raw);
    };
    // A button with `disabled` would ignore an Enter that comes before the last letter is drawn.
    return html`<${Dialog} title=${t('add')} onClose=${close} kind="quick" hasHeading=${false}>
        <form onSubmit=${submit}>
            <div class="quick-line">
                <input ref=${input} class="quick-input" aria-label=${t('add')} placeholder=${t('quick_placeholder')} value=${text} dir="auto" autocomplete="off" enterkeyhint="send"
                    aria-describedby="quick-hint" onInput=${(event) => setText(event.target.value)} onKeyDown=${onKeyDown} />
                <button class="button primary" aria-disabled=${String(!name)}>${t('quick_add')}</button>
            </div>
            ${chips.length > 0 && html`<p class="quick-name" dir="auto">${name}</p>`}
            <ul class="chips" aria-label=${t('quick_understood')} aria-live="polite">
                ${chips.map((chip) => html`<li class=${`chip ${chip.kind}`} key=${chip.raw}><${Icon} name=${chipIcons[chip.kind]} size=${16} /><span>${chipText(chip, fields)}</span>
                    <button type="button" aria-label=${t('keep_as_text', { text: chip.raw })} title=${t('keep_as_text', { text: chip.raw })} onClick=${() => keep(chip.raw)}><${Icon} name="close" size=${14} /></button></li>`)}
                ${!fields.due && place.due && html`<li class="chip quiet" key="place"><${Icon} name="calendar" size=${16} /><span>${dueLabel({ due: place.due, completed: false })?.text}</span></li>`}
                ${!fields.list_id && html`<li class="chip quiet" key="list"><${Icon} name="inbox" size=${16} /><span>${listName(place.list_id ?? null)}</span></li>`}
            </ul>
            <p class="hint" id="quick-hint">${t('quick_hint')}</p>
        </form>
    <//>`;
}
