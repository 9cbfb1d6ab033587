// Export and import in the settings. An import shows first what it would do.
import { html, useEffect, useRef, useState } from '../../vendor/ui.js';
import { earlier, exported, imported, packed, planned, undone } from '../store/transfer.js';
import { Field, problemText } from './dialog.js';
import { dateTime } from './editor.js';
import { t } from './i18n.js';
import { Section } from './section.js';
import { showToast } from './ui.js';

const FORMATS = ['todo-api', 'icalendar', 'csv', 'todo.txt'];
const SHOWN_MAX = 20;

export function Export() {
    const [format, setFormat] = useState(FORMATS[0]);
    const [problem, setProblem] = useState('');
    const save = async () => {
        setProblem('');
        try {
            const { name, content } = await exported(format);
            const link = document.createElement('a');
            link.href = URL.createObjectURL(content);
            link.download = name;
            link.click();
            setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
        } catch (error) { setProblem(problemText(error)); }
    };
    return html`<${Section} title=${t('export')}><p class="hint">${t('export_text')}</p>
        <${Field} label=${t('file_format')} problem=${problem}>${(props) => html`<select ...${props} value=${format} onChange=${(event) => setFormat(event.target.value)}>
            ${FORMATS.map((name) => html`<option key=${name} value=${name}>${t(`export_${name.replace(/\W/g, '_')}`)}</option>`)}</select>`}<//>
        <button type="button" class="button" onClick=${save}>${t('export_save')}</button>
    <//>`;
}

export function Import() {
    const [state, setState] = useState(/** @type {any} */ ({ step: 'choose' }));
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    const reset = () => { if (input.current) input.current.value = ''; setState({ step: 'choose' }); };
    const attempt = async (step, work) => {
        setState({ ...state, step });
        try { await work(); }
        catch (error) { setState({ step: 'choose', error }); }
    };
    const look = (chosen) => chosen && attempt('reading', async () => {
        const file = await packed(chosen);
        setState({ step: 'preview', file, plan: await planned(file) });
    });
    const run = () => attempt('writing', async () => {
        const done = await imported(state.file, (progress) => setState({ ...state, step: 'writing', progress }));
        setState({ step: 'done', done });
    });
    const undo = () => attempt('undoing', async () => { await undone(state.done.id); showToast(t('import_undone')); reset(); });
    const isBusy = ['reading', 'writing', 'undoing'].includes(state.step);
    return html`<${Section} title=${t('import')}><p class="hint">${t('import_text')}</p>
        <${Problem} error=${state.error} />
        <${Field} label=${t('import_file')}>${(props) => html`<input ...${props} type="file" ref=${input} disabled=${isBusy}
            accept=".json,.ics,.csv,.txt,.zip" onChange=${(event) => look(event.target.files[0])} />`}<//>
        <div role="status">
            ${isBusy && html`<p>${state.progress ? t('import_progress', { n: state.progress.written, all: state.progress.todos.created + state.progress.lists.created }) : t('loading')}</p>`}
            ${state.step === 'done' && html`<p>${t('import_done', { todos: state.done.todos.created, lists: state.done.lists.created })}${state.done.state === 'interrupted' && html` ${t('import_interrupted')}`}</p>`}
        </div>
        ${state.step === 'preview' && html`<${Preview} plan=${state.plan} run=${run} cancel=${reset} />`}
        ${state.step === 'done' && html`<div class="buttons start"><button type="button" class="button" onClick=${undo}>${t('import_undo')}</button>
            <button type="button" class="button" onClick=${reset}>${t('import_another')}</button></div>`}
        ${state.step === 'choose' && html`<${Earlier} undo=${(id) => attempt('undoing', async () => { await undone(id); showToast(t('import_undone')); reset(); })} />`}
    <//>`;
}

/** The imports of the last days, each with its undo. */
function Earlier({ undo }) {
    const [imports, setImports] = useState(/** @type {any[]} */ ([]));
    // Without them, everything else works.
    useEffect(() => { earlier().then(setImports, () => {}); }, []);
    const shown = imports.filter(({ todos, lists }) => todos.created + lists.created > 0);
    return shown.length > 0 && html`<h3 class="import-earlier">${t('import_earlier')}</h3><ul class="records">${shown.map((one) => html`<li key=${one.id}>
        <span><strong>${dateTime(one.started_at)}</strong><small>${one.format} · ${t('import_done', { todos: one.todos.created, lists: one.lists.created })}</small></span>
        ${one.state === 'undone' ? html`<small>${t('import_is_undone')}</small>` : html`<button type="button" class="button" onClick=${() => undo(one.id)}>${t('import_undo_short')}</button>`}</li>`)}</ul>`;
}

/** What is wrong with the file, place by place. */
function Problem({ error }) {
    if (!error) return null;
    const faults = (error.errors ?? []).slice(0, SHOWN_MAX);
    return html`<div class="problem" role="alert"><p>${error.code === 'file_too_large' ? t('import_too_large') : faults.length ? t('import_refused') : problemText(error)}</p>
        <ul>${faults.map((fault, index) => html`<li key=${index}><code>${fault.pointer}</code> ${fault.detail}</li>`)}</ul></div>`;
}

function Preview({ plan, run, cancel }) {
    const { todos, lists, format, warnings } = plan.import;
    const more = (all, shown) => all > shown && html`<li>${t('and_more', { n: all - shown })}</li>`;
    const [names, first] = [plan.preview.lists.slice(0, SHOWN_MAX), plan.preview.todos.slice(0, SHOWN_MAX)];
    return html`<div class="import-preview">
        <h3>${t('import_preview', { format })}</h3>
        <p>${t('import_counts', { todos: todos.created, lists: lists.created })}${todos.existing + lists.existing > 0 && html` ${t('import_existing', { n: todos.existing + lists.existing })}`}${todos.existing_in_trash > 0 && html` ${t('import_in_trash', { n: todos.existing_in_trash })}`}</p>
        ${lists.created > 0 && html`<h4>${t('lists')}</h4><ul>${names.map((list, index) => html`<li key=${index}>${list.name} <small>${list.todo_count}</small></li>`)}${more(lists.created, names.length)}</ul>`}
        ${todos.created > 0 && html`<h4>${t('import_todos')}</h4><ul>${first.map((todo, index) => html`<li key=${index} class=${todo.is_subtask ? 'subtask' : ''}><${Planned} todo=${todo} /></li>`)}${more(todos.created, first.length)}</ul>`}
        ${warnings.length > 0 && html`<h4>${t('import_warnings')}</h4><ul class="warnings">${warnings.slice(0, SHOWN_MAX).map((warning, index) => html`<li key=${index}>${t('import_line', { n: warning.line })} ${warning.detail}</li>`)}${more(plan.warning_count, Math.min(warnings.length, SHOWN_MAX))}</ul>`}
        <div class="buttons start"><button type="button" class="button primary" onClick=${run} disabled=${todos.created + lists.created === 0}>${t('import_run')}</button>
            <button type="button" class="button" onClick=${cancel}>${t('cancel')}</button></div>
    </div>`;
}

function Planned({ todo }) {
    const { due, list, tags, rule, completed, deleted } = todo;
    const when = due && (due.date ?? `${due.at.replace('T', ' ')} ${due.time_zone ?? ''}`.trim());
    const facts = [list, when, rule, ...tags.map((tag) => `#${tag}`), completed && t('completed'), deleted && t('trash')];
    return html`<span>${todo.name}</span> <small>${facts.filter(Boolean).join(' · ')}</small>`;
}
