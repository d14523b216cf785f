'use strict';

const { compare } = require('./semver');

/** Return the newest of some versions, undefined when there is none. */
exports.newest = (versions) => [...versions].sort(compare).at(-1);
