// A stock @trpc/server, for the tests of the Go client.
//
//   node trpcserver.mjs [--ping MS]
//
// It says where it serves, and then, one JSON object a line, what it sees of
// its clients: {conn, protocols, protocol} for a connection that is opened,
// {conn, frame} for what arrives and {conn, code} for one that is closed. The
// line `move` on its standard input has its clients move; its end ends it.
//
//   --ping MS   send a PING after so many milliseconds of silence
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { initTRPC, tracked, TRPCError } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocketServer } from 'ws';
import { z } from 'zod';

const pingMs = Number(process.argv[process.argv.indexOf('--ping') + 1]);
const say = (line) => process.stdout.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);

const t = initTRPC.create({ isDev: false });
let counted = 0;

const router = t.router({
  same: t.procedure.input(z.any()).query(({ input }) => input),
  whoami: t.procedure.query(({ ctx }) => ctx.params),
  greet: t.procedure
    .input(z.object({ name: z.string().min(2), age: z.int().max(150) }))
    .query(({ input }) => `hello ${input.name}`),
  fail: t.procedure.input(z.object({ code: z.string(), message: z.string() })).query(({ input }) => {
    throw new TRPCError(input);
  }),
  crash: t.procedure.query(() => {
    throw new Error('something of the server');
  }),
  wait: t.procedure.input(z.object({ ms: z.int() })).query(async ({ input }) => {
    await sleep(input.ms);
    return input.ms;
  }),
  write: t.procedure.input(z.object({ ms: z.int() })).mutation(async ({ input }) => {
    await sleep(input.ms);
    return ++counted;
  }),
  nothing: t.procedure.mutation(() => undefined),
  nil: t.procedure.mutation(() => null),
  increment: t.procedure.mutation(() => ++counted),
  // The numbers below n.
  below: t.procedure.input(z.object({ n: z.int() })).subscription(async function* ({ input }) {
    for (let i = 0; i < input.n; i++) yield i;
  }),
  // Numbers without an end, each with itself as its ID. It takes lagMs to start.
  naturals: t.procedure
    .input(z.object({ everyMs: z.int(), lagMs: z.int(), lastEventId: z.string().optional() }))
    .subscription(async ({ input, signal }) => {
      await sleep(input.lagMs, undefined, { signal });
      return (async function* () {
        for (let i = Number(input.lastEventId ?? 0) + 1; ; i++) {
          yield tracked(String(i), i);
          await sleep(input.everyMs, undefined, { signal });
        }
      })();
    }),
  breaks: t.procedure.subscription(async function* () {
    yield 'first';
    throw new TRPCError({ code: 'FORBIDDEN', message: 'no more for you' });
  }),
});

const wss = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 16 << 20 });
let conns = 0;
wss.on('connection', (socket, request) => {
  const conn = ++conns;
  say({ conn, protocols: request.headers['sec-websocket-protocol'], protocol: socket.protocol });
  socket.on('message', (data, binary) => say({ conn, binary, frame: String(data) }));
  socket.on('close', (code) => say({ conn, code }));
});
const handler = applyWSSHandler({
  wss,
  router,
  createContext: ({ info }) => {
    if (info.connectionParams?.token === 'bad') throw new TRPCError({ code: 'UNAUTHORIZED', message: 'unknown token' });
    return { params: info.connectionParams };
  },
  keepAlive: { enabled: pingMs > 0, pingMs, pongWaitMs: 10_000 },
});
wss.on('listening', () => say(`serving on ws://127.0.0.1:${wss.address().port}`));

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => line === 'move' && handler.broadcastReconnectNotification());
commands.on('close', () => process.exit());
