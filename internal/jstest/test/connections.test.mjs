import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect, record, rejection, until } from '../lib/client.mjs';
import { startProxy } from '../lib/proxy.mjs';
import { startServer } from '../lib/server.mjs';

let server;
before(async () => (server = await startServer()));

test('connection params say who is calling', async (t) => {
  const { api } = connect(t, server.url, { connectionParams: async () => ({ token: 'secret' }) });
  assert.deepEqual(await api.user.me.query(), { name: 'ada' });
  assert.deepEqual(await api.whoami.conn.query(), { params: { token: 'secret' } });
  assert.deepEqual(await connect(t, server.url).api.whoami.conn.query(), { params: null });
});

test('who has the wrong token gets no further than anybody', async (t) => {
  const { api, sockets } = connect(t, server.url, { connectionParams: { token: 'guess' } });
  const error = await rejection(api.user.me.query());
  assert.equal(error.message, 'unknown token');
  assert.equal(error.data.code, 'UNAUTHORIZED');
  assert.equal(await api.health.query(), 'ok');
  assert.equal(sockets.length, 1);
});

// Params that are not strings refuse the connection. The client tries again,
// and asks for its params anew.
test('params are asked for again after they were refused', async (t) => {
  const params = [{ token: 42 }, { token: 'secret' }];
  const { api, sockets } = connect(t, server.url, { connectionParams: () => params.shift() });
  const seen = record(api.count, { n: 3 });
  await until(() => seen.completed || seen.errors.length, 'the subscription to end');
  const [first] = sockets;
  const refusal = JSON.parse(first.received[0]);
  assert.equal(refusal.id, null);
  assert.equal(refusal.error.data.code, 'PARSE_ERROR');
  await until(() => first.code !== null, 'the first connection to be closed');
  assert.notEqual(first.code, 1006);
  assert.deepEqual(await api.user.me.query(), { name: 'ada' });
  assert.equal(sockets.length, 2);
});

test('keep-alive is answered', async (t) => {
  const { api, sockets } = connect(t, server.url, {
    keepAlive: { enabled: true, intervalMs: 30, pongTimeoutMs: 1_000 },
  });
  await api.health.query();
  const pongs = () => sockets[0].received.filter((text) => text === 'PONG').length;
  await until(() => pongs() >= 5, 'five PONGs');
  assert.equal(await api.health.query(), 'ok');
  assert.equal(sockets.length, 1);
});

test('keep-alive finds a connection that has gone silent', async (t) => {
  const proxy = await startProxy(t, server.url);
  const { api, sockets } = connect(t, proxy.url, {
    keepAlive: { enabled: true, intervalMs: 50, pongTimeoutMs: 200 },
  });
  const seen = record(api.ticks, { every: 10 });
  await until(() => seen.data.length >= 3, 'three ticks');
  proxy.hold();
  const { length } = seen.data;
  await until(() => seen.data.length >= length + 3, 'ticks on a new connection');
  assert.equal(sockets.length, 2);
  assert.deepEqual(seen.data.map(({ data }) => data), seen.data.map((_, i) => i));
  assert.deepEqual(seen.errors, []);
});

// Two servers, as in a rolling update: the first is asked to stop, and asks its
// clients to move.
test('a draining server hands its clients over', async (t) => {
  const [first, second] = await Promise.all([startServer(), startServer()]);
  let current = first;
  const { api, sockets } = connect(t, () => current.url);
  const streams = [1, 2, 3].map(() => record(api.ticks, { every: 10 }));
  await until(() => streams.every(({ data }) => data.length >= 5), 'ticks from the first server');
  const inFlight = api.slow.query({ ms: 400 });
  await until(() => sockets[0].sent.some((text) => text.includes('slow')), 'the query to be sent');

  current = second;
  const exited = first.stop();
  await until(() => sockets.length === 2, 'a second connection');
  const moved = streams.map(({ data }) => data.length);
  await until(() => streams.every(({ data }, i) => data.length >= moved[i] + 20), 'ticks from the second server');
  assert.deepEqual(await inFlight, { slept: 400 }, 'what was in flight is answered');
  assert.equal(await exited, 0, 'the first server ends by itself');

  assert.ok(sockets[0].received.includes('{"id":null,"method":"reconnect"}'));
  await until(() => sockets[0].code !== null, 'the first connection to be closed'); // may be heard after the exit
  assert.equal(sockets[0].code, 1005, 'the client leaves, when it has moved');
  assert.equal(sockets.length, 2);
  assert.equal(await api.health.query(), 'ok');
  for (const { data, started, stopped, completed, errors } of streams) {
    assert.deepEqual(data.map((tick) => tick.data), data.map((_, i) => i));
    assert.deepEqual({ started, stopped, completed, errors }, { started: 1, stopped: 0, completed: 0, errors: [] });
  }
  t.after(() => second.stop());
});

// A server is started where the first one was: the same as after a crash, but
// for the close code.
test('a client without anywhere to go waits for the server to come back', async (t) => {
  const alone = await startServer();
  let url = alone.url;
  const { api, sockets } = connect(t, () => url);
  assert.equal(await api.health.query(), 'ok');
  assert.equal(await alone.stop(), 0);
  await until(() => sockets[0].code !== null, 'the connection to be closed');
  assert.notEqual(sockets[0].code, 1006);
  const waiting = api.health.query();
  url = server.url;
  assert.equal(await waiting, 'ok');
});
