import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect, record, until } from '../lib/client.mjs';
import { startProxy } from '../lib/proxy.mjs';
import { startServer } from '../lib/server.mjs';

let server;
before(async () => (server = await startServer()));

/** Whether numbers count from 0 without a gap or a repetition. */
const gapless = (ticks) => assert.deepEqual(ticks.map((tick) => tick.data), ticks.map((_, i) => i));

test('a subscription runs to its end', async (t) => {
  const { api } = connect(t, server.url);
  const seen = record(api.count, { n: 100 });
  await until(() => seen.completed, 'the end');
  assert.deepEqual(seen.data, Array.from({ length: 100 }, (_, i) => i));
  assert.deepEqual([seen.started, seen.stopped, seen.completed, seen.errors.length], [1, 1, 1, 0]);
});

test('a large one arrives whole and in order', async (t) => {
  const { api } = connect(t, server.url);
  const seen = record(api.stream, { n: 20_000 });
  await until(() => seen.completed, 'the end', 20_000);
  assert.deepEqual(seen.data, Array.from({ length: 20_000 }, (_, seq) => ({ seq })));
});

test('nothing arrives after unsubscribe', async (t) => {
  const { api, sockets } = connect(t, server.url);
  const seen = record(api.ticks, { every: 5 });
  await until(() => seen.data.length >= 3, 'three ticks');
  seen.unsubscribe();
  const { length } = seen.data;
  await until(() => sockets[0].received.some((text) => text.includes('"stopped"')), 'stopped');
  const at = sockets[0].received.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(sockets[0].received.length, at, 'the server sends nothing after stopped');
  assert.equal(seen.data.length, length);
  gapless(seen.data);
});

test('one that fails says why', async (t) => {
  const { api } = connect(t, server.url);
  const seen = record(api.fail);
  await until(() => seen.errors.length, 'the error');
  assert.deepEqual(seen.data, ['first']);
  assert.equal(seen.errors[0].message, 'no more for you');
  assert.equal(seen.errors[0].data.code, 'FORBIDDEN');
  assert.equal(seen.errors[0].data.path, 'fail');
});

test('one whose input is wrong never starts', async (t) => {
  const { api } = connect(t, server.url);
  const seen = record(api.ticks, { every: 0 });
  await until(() => seen.errors.length, 'the error');
  assert.equal(seen.started, 0);
  assert.equal(seen.errors[0].data.code, 'BAD_REQUEST');
  assert.equal(seen.errors[0].data.fields[0].path, 'every');
});

test('what is published reaches every subscriber', async (t) => {
  const publisher = connect(t, server.url);
  const seen = [1, 2].map(() => record(connect(t, server.url).api.bench));
  await until(() => seen.every(({ started }) => started), 'started');
  for (let seq = 0; seq < 50; seq++) await publisher.api.pub.mutate({ seq });
  for (const { data } of seen) {
    await until(() => data.length === 50, 'all of it');
    assert.deepEqual(data, Array.from({ length: 50 }, (_, seq) => ({ seq })));
  }
});

test('a tracked subscription resumes where its connection was cut', async (t) => {
  const proxy = await startProxy(t, server.url);
  const { api, sockets } = connect(t, proxy.url);
  const seen = record(api.ticks, { every: 10 });
  for (let cuts = 1; cuts <= 3; cuts++) {
    const { length } = seen.data;
    await until(() => seen.data.length >= length + 5, 'five more ticks');
    proxy.cut();
    await until(() => sockets.length === cuts + 1, 'a new connection');
  }
  const { length } = seen.data;
  await until(() => seen.data.length >= length + 5, 'five more ticks');
  gapless(seen.data);
  assert.deepEqual(seen.errors, []);
  assert.ok(seen.states.includes('connecting') && seen.states.at(-1) === 'pending', String(seen.states));
});
