// Days, local times and zones.
import assert from 'node:assert/strict';
import test from 'node:test';
import { addDays, addMonths, compareDue, dayText, instantOf, isDate, isLate, localAt, localDue, weekdayFrom, weekdayOf, weekStartOf } from '../js/model/due.js';

const noon = Date.parse('2026-11-28T12:00:00Z');

test('a date is late when its day is over where the user is', () => {
    assert.equal(isLate({ date: '2026-11-28' }, 'Pacific/Auckland', noon), true);
    assert.equal(isLate({ date: '2026-11-28' }, 'Europe/Berlin', noon), false);
    assert.equal(isLate({ at: '2026-11-28T13:00', time_zone: null }, 'Europe/Berlin', noon), true);
    assert.equal(isLate({ at: '2026-11-28T13:01', time_zone: null }, 'Europe/Berlin', noon), false);
    assert.equal(isLate({ at: '2026-11-28T07:00', time_zone: 'America/New_York' }, 'Europe/Berlin', noon), true);
});

test('a time in a zone is shown where the user is', () => {
    assert.deepEqual(localDue({ at: '2026-11-28T22:00', time_zone: 'America/New_York' }, 'Europe/Berlin'), { date: '2026-11-29', time: '04:00' });
    assert.deepEqual(localDue({ date: '2026-11-28' }, 'Asia/Tokyo'), { date: '2026-11-28', time: null });
});

test('changes of the clock keep local times', () => {
    assert.equal(localAt(instantOf('2026-03-29T01:30', 'Europe/Berlin'), 'Europe/Berlin'), '2026-03-29T01:30');
    assert.equal(localAt(instantOf('2026-03-29T02:30', 'Europe/Berlin'), 'Europe/Berlin'), '2026-03-29T03:30');
    assert.equal(localAt(instantOf('2026-10-25T02:30', 'Europe/Berlin'), 'Europe/Berlin'), '2026-10-25T02:30');
});

test('an unknown zone is read as UTC', () => {
    assert.equal(localAt(noon, 'Mars/Olympus'), '2026-11-28T12:00');
});

test('dates', () => {
    assert.equal(addDays('2026-12-31', 1), '2027-01-01');
    assert.equal(addMonths('2026-01-31', 1), '2026-02-28');
    assert.equal(weekdayOf('2026-11-28'), 5);
    assert.equal(weekdayFrom('2026-11-28', 0), '2026-11-30');
    assert.equal(weekdayFrom('2026-11-28', 5), '2026-11-28');
    for (const text of ['2026-02-30', '0026-01-01', '2026-1-1', '', '12026-01-01']) assert.equal(isDate(text), false, text);
    assert.equal(isDate('2028-02-29'), true);
});

test('days have names within two weeks', () => {
    const words = { today: 'Today', tomorrow: 'Tomorrow', yesterday: 'Yesterday' };
    const text = (date, locale = 'en-GB') => dayText(date, '2026-11-28', locale, words);
    assert.deepEqual(['2026-11-27', '2026-11-28', '2026-11-29'].map((date) => text(date)), ['Yesterday', 'Today', 'Tomorrow']);
    assert.match(text('2026-12-01'), /Tue.* 1 Dec/);
    assert.equal(text('2027-03-01'), '1 Mar 2027');
    assert.match(text('2026-12-01', 'de'), /Di.* 1\. Dez/);
});

test('sorting puts a day before its times and the undated last', () => {
    const dues = [null, { at: '2026-11-28T09:00', time_zone: null }, { date: '2026-11-28' }, { date: '2026-11-27' }];
    const sorted = [...dues].sort((a, b) => compareDue(a, b, 'UTC'));
    assert.deepEqual(sorted, [dues[3], dues[2], dues[1], null]);
});

test('weeks begin where the language says', () => {
    assert.equal(weekStartOf('de-DE'), 0);
    assert.equal(weekStartOf('en-US'), 6);
    assert.equal(weekStartOf('!'), 0);
});
