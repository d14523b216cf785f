import test from 'node:test';
import assert from 'node:assert';
import { setImmediate as turn } from 'node:timers/promises';
import { pool } from './pool.mjs';
import { thumbnails } from './thumbnails.mjs';

const slow = async (turns) => {
  for (let n = 0; n < turns; n += 1) await turn();
};

test('never more than the limit, and as many as that', async () => {
  let running = 0;
  let most = 0;
  await pool([5, 1, 4, 2, 3, 1], 2, async (turns) => {
    running += 1;
    most = Math.max(most, running);
    await slow(turns);
    running -= 1;
  });
  assert.equal(most, 2);
});

test('results stand in the order of the items', async () => {
  const results = await pool([9, 1, 5], 3, async (turns) => {
    await slow(turns);
    return turns * 10;
  });
  assert.deepEqual(results, [90, 10, 50]);
});

test('after a failure nothing new is begun', async () => {
  const begun = [];
  await assert.rejects(
    pool([1, 2, 3, 4], 1, async (item) => {
      begun.push(item);
      if (item === 2) throw new Error('two');
    }),
    /two/,
  );
  await slow(5);
  assert.deepEqual(begun, [1, 2]);
});

test('thumbnails', async () => {
  assert.deepEqual(await thumbnails(['a', 'b'], async (name, size) => `${name}${size}`), ['a64', 'b64']);
});
