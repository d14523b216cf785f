'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { format, parse } = require('./query');
const { withQuery } = require('./link');

test('names that stand more than once have a list', () => {
  assert.deepEqual({ ...parse('?a=1&b=2&a=3&a=4') }, { a: ['1', '3', '4'], b: '2' });
});

test('a plus is a space, and what is behind the first equals sign is the value', () => {
  assert.deepEqual({ ...parse('q=two+words&e=a=b&flag&x=%2B') }, { q: 'two words', e: 'a=b', flag: '', x: '+' });
});

test('nothing is an empty object, and no name is special', () => {
  assert.deepEqual({ ...parse('') }, {});
  assert.deepEqual(parse('__proto__=x').toString, undefined);
});

test('what was formatted is parsed again', () => {
  const values = { q: 'a&b=c', list: ['x', 'y z'], none: undefined };
  assert.equal(format(values), 'q=a%26b%3Dc&list=x&list=y%20z');
  assert.deepEqual({ ...parse(format(values)) }, { q: 'a&b=c', list: ['x', 'y z'] });
});

test('a link is changed', () => {
  assert.equal(withQuery('/find?q=a&page=2', { page: 3 }), '/find?q=a&page=3');
  assert.equal(withQuery('/find?page=2', { page: undefined }), '/find');
});
