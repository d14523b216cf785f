// A whole client of jidoka in bare Node: no package, no line of ours; a socket, subjects and JSON.
//
//   node client.mjs NATS_URL PROJECT MODEL PROMPT
//
// It creates a session, submits a message twice under one id, follows the log from its first event
// and the deltas beside it, and prints one JSON object: what a test, or a curious reader, wants.

import net from 'node:net';
import { randomUUID } from 'node:crypto';

const [url, project, model, prompt] = process.argv.slice(2);
const { hostname, port, username, password } = new URL(url);
const SOURCE = '/a-stranger/node';

const handlers = new Map(); // subscription number -> what to do with a message
let buffered = Buffer.alloc(0);
let lastNumber = 0;

const socket = net.connect(Number(port || 4222), hostname);
socket.on('error', (problem) => fail(problem.message));
socket.on('data', (chunk) => {
  buffered = Buffer.concat([buffered, chunk]);
  while (takeOne());
});

// https://docs.nats.io/reference/reference-protocols/nats-protocol
function takeOne() {
  const end = buffered.indexOf('\r\n');
  if (end < 0) return false;
  const [verb, ...words] = buffered.subarray(0, end).toString().split(' ');
  let rest = end + 2;
  if (verb === 'INFO') greet();
  else if (verb === 'PING') socket.write('PONG\r\n');
  else if (verb === '-ERR') fail(words.join(' '));
  else if (verb === 'MSG' || verb === 'HMSG') {
    const size = Number(words.at(-1));
    if (buffered.length < rest + size + 2) return false;
    const headersSize = verb === 'HMSG' ? Number(words.at(-2)) : 0;
    const body = buffered.subarray(rest + headersSize, rest + size);
    const headers = buffered.subarray(rest, rest + headersSize).toString();
    rest += size + 2;
    handlers.get(Number(words[1]))?.({ subject: words[0], body: body.toString(), headers });
  }
  buffered = buffered.subarray(rest);
  return true;
}

function greet() {
  const door = password ? { user: username, pass: password } : { auth_token: username };
  // pedantic is the protocol's default, and refuses the subject that makes a consumer
  const options = { verbose: false, pedantic: false, headers: true, no_responders: true };
  socket.write(`CONNECT ${JSON.stringify({ ...options, ...(username ? door : {}) })}\r\n`);
  main().then(() => socket.end(), (problem) => fail(problem.message));
}

function subscribe(subject, handler) {
  const number = ++lastNumber;
  handlers.set(number, handler);
  socket.write(`SUB ${subject} ${number}\r\n`);
  return () => {
    handlers.delete(number);
    socket.write(`UNSUB ${number}\r\n`);
  };
}

function request(subject, value) {
  return new Promise((resolve, reject) => {
    const inbox = `_INBOX.${randomUUID()}`;
    const late = setTimeout(() => reject(new Error(`no answer from ${subject}`)), 20_000);
    const forget = subscribe(inbox, ({ body, headers }) => {
      clearTimeout(late);
      forget();
      if (headers.startsWith('NATS/1.0 503')) reject(new Error(`nobody listens on ${subject}`));
      else resolve(JSON.parse(body));
    });
    const text = JSON.stringify(value);
    socket.write(`PUB ${subject} ${inbox} ${Buffer.byteLength(text)}\r\n${text}\r\n`);
  });
}

async function command(name, data, id = randomUUID()) {
  const type = `jido.${name}.v1`;
  const event = { specversion: '1.0', id, source: SOURCE, type, data };
  return request(`jido.command.${name}`, event);
}

// History and then what comes: a JetStream consumer of our own that pushes to an inbox.
async function follow(sessionId, handler) {
  const inbox = `_INBOX.${randomUUID()}`;
  const name = randomUUID().replaceAll('-', '');
  const filter = `jido.session.${sessionId}.event.>`;
  subscribe(inbox, ({ body }) => body && handler(JSON.parse(body)));
  const config = {
    name,
    deliver_subject: inbox,
    filter_subject: filter,
    deliver_policy: 'all',
    ack_policy: 'none',
    inactive_threshold: 30_000_000_000,
  };
  const asked = { stream_name: 'JIDO_EVENTS', config };
  const answer = await request(`$JS.API.CONSUMER.CREATE.JIDO_EVENTS.${name}.${filter}`, asked);
  if (answer.error) throw new Error(answer.error.description);
}

async function main() {
  const settings = { project_path: project, llm: { model }, permission_mode: 'full-auto' };
  const created = await command('session.create', settings);
  if (created.type !== 'jido.command.accepted.v1') throw new Error(created.data.message);
  const sessionId = created.data.session_id;

  let shown = '';
  subscribe(`jido.session.${sessionId}.live.text`, ({ body }) => {
    shown += JSON.parse(body).data.text;
  });
  const events = [];
  let sawEnd;
  const ended = new Promise((resolve) => (sawEnd = resolve));
  await follow(sessionId, (event) => {
    events.push(event);
    if (event.type === 'jido.turn.ended.v1') sawEnd(event.data);
  });

  const messageId = randomUUID();
  const message = { session_id: sessionId, content: prompt };
  const first = await command('message.submit', message, messageId);
  const again = await command('message.submit', message, messageId);
  const refused = await command('message.submit', { session_id: 'nobody', content: prompt });
  const result = await ended;
  const closed = await command('session.close', { session_id: sessionId });

  console.log(JSON.stringify({ sessionId, first, again, refused, result, closed, shown, events }));
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}
