// What quick add reads out of a text, and what it leaves alone.
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseQuick } from '../js/model/quick.js';

// A Saturday, 10:00 in Berlin.
const now = Date.parse('2026-11-28T09:00:00Z');
const lists = [{ id: 'l1', name: 'Home' }, { id: 'l2', name: 'Winter trip' }, { id: 'l3', name: 'Küche' }];
const parse = (text, language = 'en', skip = new Set()) => parseQuick(text, { language, zone: 'Europe/Berlin', now, lists, skip });

function reads(text, name, fields, language = 'en') {
    const found = parse(text, language);
    assert.equal(found.name, name, text);
    assert.deepEqual(found.fields, fields, text);
}

test('ordinary sentences keep every word', () => {
    const texts = [
        'The 5th Wave', 'check money', 'Renovation', 'monitor', 'paprika', 'Sun cream', 'Sat on the fence', 'March of the penguins',
        'The 9/11 Report', 'Enjoy the sun', 'See where she sat', 'Read John 3:16', 'Ask Mark', 'may', 'March', 'tomorrow', 'Monday', '5pm',
        'Room 5', 'Mail a@example.org', 'Buy #7 screws', 'Wow!', 'Read "The day after tomorrow"', 'Watch "Tomorrow"', 'C# course', 'a // ', '//', '!high',
        'Best of 2026', 'It is 5 o clock somewhere', 'every', 'Every breath you take', 'in 3 parts', 'On the road', '  ', 'Plan the next', 'Send 12 33',
    ];
    for (const text of texts) {
        const { name, chips, fields } = parse(text);
        assert.deepEqual({ name, chips, fields }, { name: text.trim(), chips: [], fields: {} }, text);
    }
    for (const text of ['Sag Guten Morgen', 'So ist es', 'mach es so', 'Morgenland', 'Montagearbeit', 'Das Fr', 'Seite 3.12']) {
        assert.deepEqual(parse(text, 'de').chips.length, text === 'Das Fr' ? 1 : 0, text);
    }
});

test('a text without chips is returned unchanged', () => {
    const words = ['sun', 'may', 'the', 'every', 'Café', '5', '#', '@', '!', '//', 'on', 'at', '12', '"tomorrow"', 'in', '🎉', 'next', 'of', '،', 'morgen', 'Uhr'];
    let seed = 7;
    const random = (below) => { seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648; return seed % below; };
    for (let round = 0; round < 4_000; round++) {
        const text = Array.from({ length: 1 + random(7) }, () => words[random(words.length)]).join(random(9) ? ' ' : '  ');
        for (const language of ['en', 'de']) {
            const { name, chips } = parse(text, language);
            assert.notEqual(name, '');
            if (!chips.length) assert.equal(name, text.trim());
            for (const chip of chips) assert.ok(text.includes(chip.raw));
            // Keeping each phrase as text gives the text back.
            let kept = new Set(), last;
            for (let more = 0; more < 20; more++) {
                last = parse(text, language, kept);
                if (!last.chips.length) break;
                kept = new Set([...kept, ...last.chips.map((chip) => chip.raw)]);
            }
            assert.equal(last?.name, text.trim());
        }
    }
});

test('days and times at the end', () => {
    const at = (text) => ({ due: { at: text, time_zone: null } });
    const on = (date) => ({ due: { date } });
    reads('Call Anna tomorrow 5pm', 'Call Anna', at('2026-11-29T17:00'));
    reads('Call Anna 5 pm tomorrow', 'Call Anna', at('2026-11-29T17:00'));
    reads('Call Anna tomorrow at 9', 'Call Anna', at('2026-11-29T09:00'));
    reads('Call Anna at 9:30', 'Call Anna', at('2026-11-29T09:30'));
    reads('Call Anna 17:30', 'Call Anna', at('2026-11-28T17:30'));
    reads('Lunch monday at noon', 'Lunch', at('2026-11-30T12:00'));
    reads('Pay rent Dec 1', 'Pay rent', on('2026-12-01'));
    reads('Pay rent 1 January', 'Pay rent', on('2027-01-01'));
    reads('Pay rent on the 1st', 'Pay rent', on('2026-12-01'));
    reads('Pay rent 2027-02-28', 'Pay rent', on('2027-02-28'));
    reads('Pay rent 2027-02-30', 'Pay rent 2027-02-30', {});
    reads('Pay rent in 2 weeks', 'Pay rent', on('2026-12-12'));
    reads('Pay rent next week', 'Pay rent', on('2026-11-30'));
    reads('Plan leap day Feb 29', 'Plan leap day', on('2028-02-29'));
    reads('Stand up in 90 minutes', 'Stand up', at('2026-11-28T11:30'));
    reads('tomorrow Call Anna', 'Call Anna', on('2026-11-29'));
    reads('Tomorrow 5pm Call Anna', 'Call Anna', at('2026-11-29T17:00'));
});

test('rules, with the first day of the series', () => {
    const series = (rule, due, basis = 'due') => ({ due, recurrence: { rule, basis } });
    reads('Run every monday', 'Run', series('FREQ=WEEKLY;BYDAY=MO', { date: '2026-11-30' }));
    reads('Run every mon, wed and fri 7am', 'Run', series('FREQ=WEEKLY;BYDAY=MO,WE,FR', { at: '2026-11-30T07:00', time_zone: null }));
    reads('Water plants every! 3 days', 'Water plants', series('FREQ=DAILY;INTERVAL=3', { date: '2026-11-28' }, 'completion'));
    reads('Stretch daily 8am', 'Stretch', series('FREQ=DAILY', { at: '2026-11-29T08:00', time_zone: null }));
    reads('Rent every 15th', 'Rent', series('FREQ=MONTHLY;BYMONTHDAY=15', { date: '2026-12-15' }));
    reads('Bins every other week', 'Bins', series('FREQ=WEEKLY;INTERVAL=2', { date: '2026-11-28' }));
    reads('Work every weekday', 'Work', series('FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', { date: '2026-11-30' }));
});

test('lists, tags, priority and note', () => {
    reads('Buy milk #home @shop !high', 'Buy milk', { list_id: 'l1', tags: ['shop'], priority: 'high' });
    reads('Pack #wintertrip tomorrow', 'Pack', { list_id: 'l2', due: { date: '2026-11-29' } });
    reads('Wipe #kuche', 'Wipe', { list_id: 'l3' });
    reads('Fix #nowhere', 'Fix #nowhere', {});
    reads('Buy milk @a @b @a', 'Buy milk', { tags: ['a', 'b'] });
    reads('Buy milk !2 // the blue one', 'Buy milk', { priority: 'medium', description: 'the blue one' });
    reads('See https://example.org/x', 'See https://example.org/x', {});
});

test('German', () => {
    const at = (text) => ({ due: { at: text, time_zone: null } });
    reads('Anna anrufen morgen 17 Uhr', 'Anna anrufen', at('2026-11-29T17:00'), 'de');
    reads('Anna anrufen am Montag um 9', 'Anna anrufen', at('2026-11-30T09:00'), 'de');
    reads('Miete 3.12.', 'Miete', { due: { date: '2026-12-03' } }, 'de');
    reads('Miete 3.12. 14:30', 'Miete', at('2026-12-03T14:30'), 'de');
    reads('Miete 24. Dezember', 'Miete', { due: { date: '2026-12-24' } }, 'de');
    reads('Laufen jeden Montag und Mittwoch', 'Laufen', { due: { date: '2026-11-30' }, recurrence: { rule: 'FREQ=WEEKLY;BYDAY=MO,WE', basis: 'due' } }, 'de');
    reads('Gießen alle 3 Tage !hoch', 'Gießen', { priority: 'high', due: { date: '2026-11-28' }, recurrence: { rule: 'FREQ=DAILY;INTERVAL=3', basis: 'due' } }, 'de');
    reads('Brief in einer Woche', 'Brief', { due: { date: '2026-12-05' } }, 'de');
});

test('a phrase that the user keeps stays text', () => {
    const found = parse('Call Anna tomorrow', 'en', new Set(['tomorrow']));
    assert.deepEqual(found, { name: 'Call Anna tomorrow', chips: [], fields: {} });
});
