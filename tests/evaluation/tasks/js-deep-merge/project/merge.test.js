'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { merge } = require('./merge');
const { DEFAULTS, optionsOf } = require('./options');

test('nobody changes the defaults', () => {
  assert.equal(optionsOf({ theme: { dark: true } }).theme.dark, true);
  assert.equal(optionsOf({}).theme.dark, false);
  assert.ok(Object.isFrozen(DEFAULTS));
});

test('lists are replaced, null is a value', () => {
  assert.deepEqual(merge({ a: [1, 2], b: { c: 1 } }, { a: [3], b: null }), { a: [3], b: null });
  assert.deepEqual(merge({ a: 1 }, { a: { b: 2 } }), { a: { b: 2 } });
});

test('the prototype of all objects stays as it is', () => {
  merge({}, JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'));
  assert.equal({}.polluted, undefined);
});
