// What each view shows, and the next date of a series.
import assert from 'node:assert/strict';
import test from 'node:test';
import { completedIn, countsOf, doneGroups, lastCompleted, listGroups, stepsOf, tagGroups, todayGroups, trashGroups, upcomingGroups } from '../js/model/groups.js';
import { nextDue } from '../js/model/recurrence.js';

const moment = { zone: 'Europe/Berlin', now: Date.parse('2026-11-28T09:00:00Z') };
let count = 0;
const todo = (fields) => ({
    id: `t${++count}`, list_id: null, parent_id: null, name: '', description: '', completed: false, completed_at: null, due: null, recurrence: null,
    priority: 'none', tags: [], position: `a${String(count).padStart(4, '0')}`, occurrence_of: null, version: 1, created_at: '', updated_at: '', deleted_at: null, ...fields,
});
const rows = (groups) => groups.map((group) => [group.kind, ...group.rows.map((row) => row.id)]);

test('today has what is overdue first, and subtasks with a date of their own', () => {
    const parent = todo({ list_id: 'l' });
    const all = [
        parent, todo({ due: { at: '2026-11-28T12:00', time_zone: null } }), todo({ due: { date: '2026-11-28' } }), todo({ due: { date: '2026-11-20' } }),
        todo({ due: { date: '2026-11-28' }, parent_id: parent.id, list_id: 'l' }), todo({ due: { date: '2026-11-29' } }),
        todo({ due: { date: '2026-11-28' }, completed: true }), todo({ due: { date: '2026-11-28' }, deleted_at: '2026-11-28T00:00:00.000Z' }),
        // Sunday in Berlin is still Saturday in New York.
        todo({ due: { at: '2026-11-28T18:30', time_zone: 'America/New_York' } }),
    ];
    assert.deepEqual(rows(todayGroups(all, moment)), [['overdue', all[3].id], ['today', all[2].id, all[4].id, all[1].id]]);
    assert.equal(countsOf(all, moment).today, 4);
    assert.deepEqual(rows(upcomingGroups(all, moment)), [['day', all[5].id, all[8].id]]);
});

test('a list is a tree, and a todo whose parent is done is at the top', () => {
    const parent = todo({ list_id: 'l' }), done = todo({ list_id: 'l', completed: true, completed_at: '2026-11-27T10:00:00.000Z' });
    const child = todo({ list_id: 'l', parent_id: parent.id }), orphan = todo({ list_id: 'l', parent_id: done.id });
    const all = [parent, done, child, orphan, todo({})];
    assert.deepEqual(listGroups(all, 'l', {})[0].rows, [{ id: parent.id, depth: 0 }, { id: child.id, depth: 1 }, { id: orphan.id, depth: 0 }]);
    const last = todo({ list_id: 'l', completed: true, completed_at: '2026-11-28T10:00:00.000Z' });
    const completed = completedIn([...all, last], 'l');
    assert.deepEqual(completed, [done, last]);
    assert.deepEqual(lastCompleted(completed, 1), [last]);
    assert.deepEqual(listGroups(all, 'l', { kept: new Set([done.id]) })[0].rows.length, 4);
});

test('counts follow every change of a todo', () => {
    const parent = todo({ list_id: 'l', tags: ['a', 'b'], due: { date: '2026-11-28' } });
    let all = [parent, todo({ parent_id: parent.id, list_id: 'l' }), todo({ tags: ['a'], due: { date: '2026-11-29' } })];
    const counts = () => {
        const { lists, tags, today } = countsOf(all, moment);
        return [Object.fromEntries(lists), Object.fromEntries(tags), today, Object.fromEntries(stepsOf(all))];
    };
    const change = (at, fields) => { all = all.toSpliced(at, 1, ...(fields ? [{ ...all[at], ...fields }] : [])); };
    assert.deepEqual(counts(), [{ l: 2, null: 1 }, { a: 2, b: 1 }, 1, { [parent.id]: { n: 1, done: 0 } }]);
    change(1, { completed: true });
    change(2, { due: null, tags: [] });
    assert.deepEqual(counts(), [{ l: 1, null: 1 }, { a: 1, b: 1 }, 1, { [parent.id]: { n: 1, done: 1 } }]);
    change(1, { deleted_at: '2026-11-28T00:00:00.000Z' });
    change(0, null);
    assert.deepEqual(counts(), [{ null: 1 }, {}, 0, {}]);
    all = [todo({ due: { at: '2026-11-28T18:30', time_zone: 'America/New_York' } })];
    assert.deepEqual([counts()[2], countsOf(all, { ...moment, zone: 'UTC' }).today], [0, 1]);
});

test('upcoming is by day for two weeks and by month afterwards', () => {
    const all = ['2026-12-01', '2026-12-12', '2026-12-13', '2026-12-31', '2027-02-01'].map((date) => todo({ due: { date } }));
    assert.deepEqual(upcomingGroups(all, moment).map((group) => [group.kind, group.date, group.rows.length]),
        [['day', '2026-12-01', 1], ['day', '2026-12-12', 1], ['month', '2026-12-01', 2], ['month', '2027-02-01', 1]]);
});

test('done is by the day in the zone of the user, the trash without subtasks', () => {
    const done = ['2026-11-27T22:30:00.000Z', '2026-11-27T23:30:00.000Z'].map((completed_at) => todo({ completed: true, completed_at }));
    assert.deepEqual(doneGroups(done, moment).map((group) => group.date), ['2026-11-28', '2026-11-27']);
    const parent = todo({ deleted_at: '2026-11-27T00:00:00.000Z' });
    const child = todo({ deleted_at: '2026-11-27T00:00:00.000Z', parent_id: parent.id });
    assert.deepEqual(rows(trashGroups([child, parent])), [['plain', parent.id]]);
    assert.deepEqual(trashGroups([todo({})]), []);
});

test('tags ignore case', () => {
    const all = [todo({ tags: ['Work'] }), todo({ tags: ['work', 'home'] }), todo({ tags: ['workshop'] })];
    assert.deepEqual(tagGroups(all, 'WORK', {})[0].rows.map((row) => row.id), [all[0].id, all[1].id]);
});

test('the next date of a series', () => {
    const now = moment.now;
    const next = (rule, due, basis = 'due') => nextDue({ due, recurrence: { rule, basis, left: null } }, 'Europe/Berlin', now);
    const cases = [
        ['FREQ=DAILY', '2026-11-27', 'due', '2026-11-28'], ['FREQ=DAILY', '2026-11-20', 'future', '2026-11-29'], ['FREQ=DAILY;INTERVAL=3', '2026-11-01', 'completion', '2026-12-01'],
        ['FREQ=WEEKLY;BYDAY=MO,TH', '2026-11-26', 'due', '2026-11-30'], ['FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH', '2026-11-26', 'due', '2026-12-07'], ['FREQ=WEEKLY', '2026-11-28', 'due', '2026-12-05'],
        ['FREQ=MONTHLY;BYMONTHDAY=15', '2026-11-15', 'due', '2026-12-15'], ['FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD;RSCALE=GREGORIAN', '2026-01-31', 'due', '2026-02-28'],
        ['FREQ=MONTHLY;BYDAY=-1FR', '2026-11-27', 'due', '2026-12-25'], ['FREQ=MONTHLY;BYDAY=5MO', '2026-11-30', 'due', '2027-03-29'], ['FREQ=YEARLY', '2026-03-01', 'due', '2027-03-01'],
    ];
    for (const [rule, date, basis, expected] of cases) assert.deepEqual(next(rule, { date }, basis), { date: expected }, rule);
    assert.deepEqual(next('FREQ=DAILY', { at: '2026-11-28T09:30', time_zone: null }, 'future'), { at: '2026-11-29T09:30', time_zone: null });
    for (const rule of ['FREQ=HOURLY', 'FREQ=MONTHLY;BYMONTHDAY=31', 'FREQ=DAILY;UNTIL=20270101']) assert.equal(next(rule, { date: '2026-11-28' }), undefined, rule);
});
