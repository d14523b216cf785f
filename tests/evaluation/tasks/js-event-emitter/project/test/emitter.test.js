import test from 'node:test';
import assert from 'node:assert';
import { Emitter } from '../src/emitter.js';
import { Store } from '../src/store.js';

test('a listener that goes does not take the next one with it', () => {
  const emitter = new Emitter();
  const heard = [];
  emitter.once('a', () => heard.push(1));
  emitter.on('a', () => heard.push(2));
  assert.equal(emitter.emit('a'), 2);
  assert.equal(emitter.emit('a'), 1);
  assert.deepEqual(heard, [1, 2, 2]);
});

test('all are called even if one throws', () => {
  const emitter = new Emitter();
  let called = 0;
  emitter.on('a', () => { throw new Error('first'); });
  emitter.on('a', () => { called += 1; });
  assert.throws(() => emitter.emit('a'), (error) => error instanceof AggregateError && error.errors[0].message === 'first');
  assert.equal(called, 1);
});

test('stopping twice stops nobody else', () => {
  const emitter = new Emitter();
  let called = 0;
  const stop = emitter.on('a', () => {});
  emitter.on('a', () => { called += 1; });
  stop();
  stop();
  emitter.off('nothing', () => {});
  emitter.emit('a');
  assert.equal(called, 1);
});

test('a store tells of changes', () => {
  const store = new Store();
  const heard = [];
  store.on('change', (name, value) => heard.push([name, value]));
  store.set('x', 1);
  assert.deepEqual([store.get('x'), heard], [1, [['x', 1]]]);
});
