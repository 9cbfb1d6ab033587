import assert from 'node:assert/strict';
import test from 'node:test';

import { byPosition } from '../js/model/order.js';
import { difference, keptInOrder, keptSum, resorted } from '../js/model/sorted.js';

/** Numbers that look random and are the same in each run. */
function random() {
    let seed = 7;
    return (below) => {
        seed = (seed * 16807) % 2147483647;
        return seed % below;
    };
}

const object = (id, next) => ({ id: `o${id}`, position: `p${next(500)}`, weight: next(9) });

test('an order that follows changes is the one that sorting gives', () => {
    const next = random();
    let known = Array.from({ length: 1_000 }, (_, id) => object(id, next));
    let sorted = [...known].sort(byPosition);
    for (let round = 0; round < 200; round += 1) {
        const [gone, come] = [new Set(), []];
        // Now and then, so many come that everything is sorted.
        const changes = round % 50 === 0 ? 300 : next(4);
        for (let change = 0; change < changes; change += 1) {
            const old = known[next(known.length)];
            if (gone.has(old)) continue;
            gone.add(old);
            if (next(4) > 0) come.push(object(old.id.slice(1), next));
            if (next(4) === 0) come.push(object(`${round}-${change}`, next));
        }
        known = known.filter((one) => !gone.has(one)).concat(come);
        const before = sorted;
        const copy = [...sorted];
        sorted = resorted(sorted, gone, come, byPosition);
        assert.deepEqual(sorted, [...known].sort(byPosition));
        assert.deepEqual(before, copy, 'the order before stays as it was');
    }
});

test('what two arrays do not share is found wherever it is', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => ({ id }));
    for (const [before, after, gone, come] of [
        [[], [], [], []], [[a], [], [a], []], [[], [a], [], [a]], [[a, b, c], [a, c], [b], []], [[a, c], [a, b, c], [], [b]],
        [[a, b, c], [d, b, a], [c], [d]], [[a, b], [b, a], [], []], [[a, b], [a, b, a], [], [a]],
    ]) {
        const found = difference(before, after);
        assert.deepEqual([[...found.gone], found.come], [gone, come]);
    }
});

test('orders and sums look only at what has changed', () => {
    const next = random();
    let seen = 0;
    const ordered = keptInOrder((one) => one, (a, b) => a.weight - b.weight || byPosition(a, b), ({ weight }) => { seen += 1; return weight > 2; });
    const sum = keptSum(() => ({ of: 0 }), (total, { weight }, sign) => { total.of += sign * weight; });
    let objects = Array.from({ length: 1_000 }, (_, id) => object(id, next)).sort(byPosition);
    const check = () => {
        const expected = objects.filter(({ weight }) => weight > 2).sort((a, b) => a.weight - b.weight || byPosition(a, b));
        assert.deepEqual(ordered(objects), expected);
        assert.equal(sum(objects).of, objects.reduce((total, { weight }) => total + weight, 0));
    };
    check();
    assert.equal(seen, 1_000);
    for (let round = 0; round < 50; round += 1) {
        objects = objects.with(next(objects.length), object(`new${round}`, next)).sort(byPosition);
        check();
    }
    assert.equal(seen, 1_050);
    assert.equal(ordered(objects), ordered(objects), 'the same array gives the same order');
});
