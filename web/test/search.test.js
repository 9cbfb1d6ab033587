import assert from 'node:assert/strict';
import test from 'node:test';

import { searchTodos } from '../js/model/search.js';

const todo = (name, more = {}) => ({ id: name, position: 'a', name, description: '', completed: false, deleted_at: null, updated_at: '1', ...more });
const names = (todos, query) => searchTodos(todos, query).map(({ name }) => name);

test('every word begins a word, without case, accents and ligatures', () => {
    const todos = [todo('Crème brûlée'), todo('Straße fegen'), todo('Write e-mail to Søren'), todo('Don’t panic', { description: 'Œuvre' })];
    for (const [query, found] of [
        ['creme', 'Crème brûlée'], ['BRUL cr', 'Crème brûlée'], ['strasse', 'Straße fegen'], ['email', 'Write e-mail to Søren'],
        ['mail soren', 'Write e-mail to Søren'], ['dont oeuv', 'Don’t panic'], ['e-mail', 'Write e-mail to Søren'],
    ]) assert.deepEqual(names(todos, query), [found], query);
    for (const query of ['', '  ', 'rite', 'creme fegen', '.*']) assert.deepEqual(names(todos, query), [], query);
});

test('open todos come first, the trash never', () => {
    const todos = [todo('a done', { completed: true, updated_at: '9' }), todo('a old'), todo('a new', { updated_at: '2' }), todo('a gone', { deleted_at: '1' })];
    assert.deepEqual(names(todos, 'a'), ['a new', 'a old', 'a done']);
});

test('a longer query and a changed todo are searched anew', () => {
    const [tea, team, other] = ['green tea', 'green team', 'red'].map((name) => todo(name));
    let todos = [tea, team, other];
    for (const [query, found] of [
        ['g', 2], ['gr', 2], ['green', 2], ['green ', 2], ['green te', 2], ['green tea', 2], ['green team', 1], ['green tea', 2], ['tea green', 2], ['tea', 2], ['r', 1],
    ]) assert.equal(searchTodos(todos, query).length, found, query);
    assert.deepEqual(names(todos, 'tea'), ['green tea', 'green team']);
    todos = [tea, todo('green team', { completed: true }), todo('red tea', { updated_at: '2' })];
    assert.deepEqual(names(todos, 'tea'), ['red tea', 'green tea', 'green team']);
    assert.deepEqual(names([], 'tea'), []);
});

test('a query over 10,000 todos takes milliseconds', () => {
    const todos = Array.from({ length: 10_000 }, (_, index) => todo(`Überweisung ${index} an Müller`, { description: 'Rechnung vom letzten Monat '.repeat(4) }));
    searchTodos(todos, 'x');
    const began = performance.now();
    assert.equal(searchTodos(todos, 'uberw 77').length, 111);
    assert.ok(performance.now() - began < 300, `${performance.now() - began} ms`);
});
