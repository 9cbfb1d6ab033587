import assert from 'node:assert/strict';
import test from 'node:test';

import { store } from '../js/store/store.js';
import { applyChange, rows } from '../js/store/state.js';

const names = () => store.all().map((todo) => todo.name).sort();

test('unsent commands are shown on top of the server copies', () => {
    const id = store.add({ name: 'Milk', tags: ['shop'] });
    assert.equal(store.todo(id).value.unsent, true);
    const add = [...rows.keys()];
    const copy = { ...store.todo(id).value, version: 1 };
    store.patch(id, { name: 'Oat milk' });
    applyChange({ todo: [copy], rows: add });
    assert.equal(store.todo(id).value.name, 'Oat milk');
    assert.equal(store.todo(id).value.version, 1);
    applyChange({ todo: [{ ...copy, name: 'Oat milk', version: 2 }], rows: [...rows.keys()] });
    const drawn = store.todo(id).value;
    assert.deepEqual([drawn.name, drawn.unsent, store.status.value.unsent], ['Oat milk', false, 0]);
    applyChange({ todo: [{ ...copy, name: 'Oat milk', version: 2 }] });
    assert.equal(store.todo(id).value, drawn, 'the same version is not drawn again');
});

test('what the server decides replaces the provisional values', () => {
    const id = store.add({ name: 'Tea' });
    const [row] = [...rows.values()].filter((row) => row.target === id);
    const copy = { ...store.todo(id).value, version: 1, position: 'true' };
    applyChange({ acked: [{ ...row, acked: true, version: 1 }] });
    assert.deepEqual([store.todo(id).value.unsent, store.todo(id).value.position], [false, row.effects[0].patch.position]);
    applyChange({ todo: [copy] });
    assert.equal(store.todo(id).value.position, 'true');
    applyChange({ rows: [row.seq] });
    assert.equal(store.todo(id).value.position, 'true');
});

test('subtasks are completed and put into the trash with their parent, and come back', () => {
    const parent = store.add({ name: 'Parent' });
    const child = store.add({ name: 'Child', parent_id: parent });
    store.complete(parent);
    assert.equal(store.todo(child).value.completed, true);
    assert.equal(store.undo(), 'complete');
    assert.equal(store.todo(child).value.completed, false);
    store.trash(parent);
    assert.ok(store.todo(child).value.deleted_at);
    assert.equal(store.undo(), 'trash');
    assert.equal(store.todo(child).value.deleted_at, null);
    store.removeForever(parent);
    assert.ok(!names().includes('Child') && !names().includes('Parent'));
});

test('a move to another list takes subtasks along and can be undone', () => {
    const list = store.addList('Home');
    const [a, b] = [store.add({ name: 'a' }), store.add({ name: 'b' })];
    const child = store.add({ name: 'child', parent_id: b });
    store.move(b, { list_id: list });
    assert.equal(store.todo(child).value.list_id, list);
    assert.equal(store.undo(), 'move');
    assert.equal(store.todo(b).value.list_id, null);
    store.move(b, { before: a });
    assert.ok(store.todo(b).value.position < store.todo(a).value.position);
});

test('undo leaves a field alone that somebody has changed since', () => {
    const id = store.add({ name: 'Draft', description: 'a' });
    store.patch(id, { name: 'Draft 2', description: 'b' });
    const copy = { ...store.todo(id).value, version: 3, description: 'from elsewhere' };
    applyChange({ todo: [copy], rows: [...rows.keys()] });
    assert.equal(store.undo(), 'patch');
    assert.deepEqual([store.todo(id).value.name, store.todo(id).value.description], ['Draft', 'from elsewhere']);
});
