// The workloads with @trpc/server and its adapter for ws.
import { EventEmitter, on } from 'node:events';
import http from 'node:http';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocketServer } from 'ws';
import { firstSeq, main } from './control.mjs';

const t = initTRPC.context().create();
const events = new EventEmitter();
events.setMaxListeners(0);

// Validators are written by hand: they cost less than those of a library.
const any = (value) => value;
const pair = (value) => {
  if (typeof value?.a !== 'number' || typeof value?.b !== 'number') throw new Error('two numbers, please');
  return value;
};

const router = t.router({
  math: t.router({
    add: t.procedure.input(pair).query(({ input }) => ({ sum: input.a + input.b })),
  }),
  stream: t.procedure.input(any).subscription(async function* ({ input, ctx, signal }) {
    for (let i = 0; i < input.n; i++) {
      yield { seq: firstSeq + i };
      if (i % 64 !== 63) continue;
      // The adapter has no back-pressure; see produce of control.mjs.
      do {
        await new Promise(setImmediate);
        if (signal.aborted) return;
      } while (ctx.socket.bufferedAmount > 1 << 20);
    }
  }),
  bench: t.procedure.subscription(async function* ({ signal }) {
    for await (const [event] of on(events, 'event', { signal })) yield event;
  }),
  pub: t.procedure.input(any).mutation(({ input }) => {
    events.emit('event', input);
    return true;
  }),
});

const server = http.createServer();
const wss = new WebSocketServer({ server, perMessageDeflate: false });
applyWSSHandler({ wss, router, createContext: ({ res }) => ({ socket: res }) });
main(server);
