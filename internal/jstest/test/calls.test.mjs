import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { TRPCClientError } from '@trpc/client';
import { connect, rejection, until } from '../lib/client.mjs';
import { startServer } from '../lib/server.mjs';

let server;
before(async () => (server = await startServer()));

test('queries and mutations are answered', async (t) => {
  const { api, sockets } = connect(t, server.url);
  assert.equal(await api.health.query(), 'ok');
  assert.deepEqual(await api.math.add.query({ a: 1, b: 0 }), { sum: 1 });
  const text = 'grüße 🦊 "\\\u2028\u0001';
  assert.deepEqual(await api.echo.query({ text, more: [null, { deep: true }] }), { text, more: [null, { deep: true }] });
  const user = await api.user.create.mutate({ name: 'Ada', email: 'ada@example.com', age: 0 });
  assert.match(user.id, /^[0-9a-f]{8}-[0-9a-f]{4}-/);
  assert.deepEqual({ ...user, id: null }, { id: null, name: 'Ada', email: 'ada@example.com', age: 0 });
  assert.equal((await api.big.query({ size: 1 << 20 })).length, 1 << 20);
  assert.equal(sockets.length, 1);
});

test('calls are answered in the order in which they finish', async (t) => {
  const { api } = connect(t, server.url);
  const order = [];
  await Promise.all([
    api.slow.query({ ms: 200 }).then(() => order.push('slow')),
    api.health.query().then(() => order.push('fast')),
  ]);
  assert.deepEqual(order, ['fast', 'slow']);
});

test('a validation error names every field', async (t) => {
  const { api } = connect(t, server.url);
  const error = await rejection(api.user.create.mutate({ name: 'A', email: 'ada', age: 151 }));
  assert.ok(error instanceof TRPCClientError);
  assert.equal(error.message, error.shape.message);
  assert.equal(error.shape.code, -32600);
  assert.equal(error.data.code, 'BAD_REQUEST');
  assert.equal(error.data.httpStatus, 400);
  assert.equal(error.data.path, 'user.create');
  assert.deepEqual(
    error.data.fields.map(({ path, rule, param }) => ({ path, rule, param })),
    [
      { path: 'name', rule: 'min', param: '2' },
      { path: 'email', rule: 'email', param: '' },
      { path: 'age', rule: 'lte', param: '150' },
    ],
  );
  for (const field of error.data.fields) assert.ok(field.message, `${field.path} has a message`);
});

test('errors have their code, and tell no secrets', async (t) => {
  const { api } = connect(t, server.url);
  const cases = [
    [rejection(api.math.div.query({ a: 1, b: 0 })), -32600, 'BAD_REQUEST', 400, 'math.div', 'division by zero'],
    [rejection(api.user.me.query()), -32001, 'UNAUTHORIZED', 401, 'user.me', 'sign in first'],
    [rejection(api.no.such.procedure.query()), -32004, 'NOT_FOUND', 404, 'no.such.procedure'],
    [rejection(api.math.add.mutate({ a: 1, b: 2 })), -32004, 'NOT_FOUND', 404, 'math.add', 'No "mutation"-procedure on path "math.add"'],
    [rejection(api.boom.query()), -32603, 'INTERNAL_SERVER_ERROR', 500, 'boom'],
  ];
  for (const [rejected, number, code, httpStatus, path, message] of cases) {
    const error = await rejected;
    assert.ok(error instanceof TRPCClientError, path);
    assert.equal(error.shape.code, number, path);
    assert.deepEqual(
      { code: error.data.code, httpStatus: error.data.httpStatus, path: error.data.path },
      { code, httpStatus, path },
    );
    assert.equal(error.data.stack, undefined, path);
    if (message) assert.equal(error.message, message);
  }
  const { shape } = await rejection(api.boom.query());
  assert.doesNotMatch(JSON.stringify(shape), /kaboom/);
  assert.ok(shape.data.logId);
  await until(() => server.log().includes(shape.data.logId), 'the log to have the id');
  assert.match(server.log(), /kaboom/);
});

// Aborting a query is the client's own affair: it sends nothing, and ignores
// the answer.
test('an aborted query leaves the connection as it is', async (t) => {
  const { api, sockets } = connect(t, server.url);
  await api.health.query();
  const controller = new AbortController();
  const aborted = rejection(api.slow.query({ ms: 150 }, { signal: controller.signal }));
  await until(() => sockets[0].sent.length === 2, 'the query to be sent');
  controller.abort();
  assert.ok((await aborted) instanceof TRPCClientError);
  assert.equal(await api.health.query(), 'ok');
  await until(() => sockets[0].received.some((text) => text.includes('slept')), 'the answer');
  assert.equal(await api.health.query(), 'ok');
  assert.equal(sockets.length, 1);
});

// The stock client sends all calls of one tick as one array, however many they
// are. A server takes 256 in an array, so that one message cannot make it do
// any amount of work; and it takes 64 + 256 calls at a time, so the next chunk
// has to wait for the answers.
test('500 calls, in chunks of 256', async (t) => {
  const { api, sockets } = connect(t, server.url);
  const sums = [];
  for (let from = 0; from < 500; from += 256) {
    const chunk = Array.from({ length: Math.min(256, 500 - from) }, (_, i) => api.math.add.query({ a: from + i, b: 1 }));
    sums.push(...(await Promise.all(chunk)));
  }
  assert.deepEqual(sums, Array.from({ length: 500 }, (_, i) => ({ sum: i + 1 })));
  assert.deepEqual(sockets[0].sent.map((text) => JSON.parse(text).length), [256, 244]);
});

test('more than 256 calls in one tick are refused, one by one', async (t) => {
  const { api, sockets } = connect(t, server.url);
  const errors = await Promise.all(Array.from({ length: 257 }, () => rejection(api.health.query())));
  for (const error of errors) assert.equal(error.data.code, 'BAD_REQUEST');
  assert.equal(await api.health.query(), 'ok');
  assert.equal(sockets.length, 1);
});
