import assert from 'node:assert/strict';
import test from 'node:test';

import { between, byPosition, first, last } from '../js/model/order.js';

test('a position lies between its neighbors', () => {
    let [low, high] = [last(1000), last(2000)];
    for (let index = 0; index < 100; index += 1) {
        const key = between(low, high);
        assert.ok(low < key && key < high, `${low} ${key} ${high}`);
        if (index % 3 === 0) high = key;
        else low = key;
    }
    assert.ok(between(null, 'Z0') < 'Z0' && between('azzzzzzzzzzz', null) > 'azzzzzzzzzzz');
    assert.ok(between('V', 'V1') > 'V' && between('V', 'V1') < 'V1');
});

test('later ends lie further out', () => {
    const [front, end] = [first(), last()];
    assert.ok(first() < front && front < end && end < last());
    const keys = [{ position: 'b', id: '1' }, { position: 'a', id: '2' }, { position: 'a', id: '1' }];
    assert.deepEqual(keys.sort(byPosition).map((key) => key.position + key.id), ['a1', 'a2', 'b1']);
});

test('a new object stays behind every object that the server has placed', () => {
    const fromServer = `a${'z'.repeat(40)}`;
    assert.ok(last() > fromServer);
    assert.ok(between(fromServer, null) > fromServer);
});
