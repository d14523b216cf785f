'use strict';

/** Merge `changes` into `base`, objects deeply; lists and values are replaced. */
function merge(base, changes) {
  for (const name in changes) {
    if (typeof changes[name] === 'object') {
      base[name] = merge(base[name] || {}, changes[name]);
    } else {
      base[name] = changes[name];
    }
  }
  return base;
}

module.exports = { merge };
