'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { compare } = require('../lib/semver');
const { newest } = require('../lib/newest');

test('numbers are compared as numbers', () => {
  assert.equal(newest(['1.9.0', '1.10.0', '1.2.30']), '1.10.0');
});

test('a release is newer than its candidates', () => {
  assert.equal(newest(['2.0.0-rc.2', '2.0.0', '2.0.0-rc.10']), '2.0.0');
  assert.ok(compare('2.0.0-rc.10', '2.0.0-rc.2') > 0);
});

test('words sort behind numbers and longer ones behind shorter', () => {
  assert.ok(compare('1.0.0-alpha.1', '1.0.0-alpha.beta') < 0);
  assert.ok(compare('1.0.0-alpha', '1.0.0-alpha.1') < 0);
});

test('what is no version is refused', () => {
  assert.throws(() => compare('1.2', '1.2.3'), TypeError);
});
