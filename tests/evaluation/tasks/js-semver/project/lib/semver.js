'use strict';

/** Split "1.2.3-rc.1" into its numbers and its pre-release part. */
function parse(version) {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/.exec(version);
  if (!match) throw new TypeError(`not a version: ${version}`);
  return { core: match.slice(1, 4), pre: match[4] ? match[4].split('.') : [] };
}

function comparePart(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Negative when a is older than b, positive when it is newer. */
function compare(a, b) {
  const left = parse(a);
  const right = parse(b);
  for (let i = 0; i < 3; i++) {
    const order = comparePart(left.core[i], right.core[i]);
    if (order !== 0) return order;
  }
  const length = Math.max(left.pre.length, right.pre.length);
  for (let i = 0; i < length; i++) {
    const order = comparePart(left.pre[i] ?? '', right.pre[i] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

module.exports = { compare, parse };
