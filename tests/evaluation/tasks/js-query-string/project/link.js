'use strict';

const { format, parse } = require('./query');

/** Return an address with some of its query changed. */
exports.withQuery = (address, changes) => {
  const [path, query = ''] = address.split('?');
  const text = format({ ...parse(query), ...changes });
  return text ? `${path}?${text}` : path;
};
