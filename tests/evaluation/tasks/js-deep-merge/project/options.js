'use strict';

const { merge } = require('./merge');

const DEFAULTS = { theme: { dark: false, colours: ['red', 'blue'] }, page: 20 };

/** The options of a user: the defaults with what the user chose. */
exports.optionsOf = (chosen) => merge(DEFAULTS, chosen);
exports.DEFAULTS = DEFAULTS;
