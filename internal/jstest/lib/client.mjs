// An unmodified @trpc/client whose sockets are observed, and what records the
// callbacks of a subscription.
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { WebSocket } from 'ws';

/**
 * Connects a stock client, and closes it after the test. `sockets` holds every
 * WebSocket it opened, each with the texts it `sent` and `received` and, once
 * it is closed, its close `code`.
 */
export function connect(t, url, options = {}) {
  const sockets = [];
  class ObservedWebSocket extends WebSocket {
    sent = [];
    received = [];
    code = null;

    constructor(url, protocols) {
      super(url, protocols, { closeTimeout: 200 }); // ms; a close may meet silence
      sockets.push(this);
      this.on('message', (data) => this.received.push(String(data)));
      this.on('close', (code) => (this.code = code));
    }

    send(data, ...rest) {
      this.sent.push(String(data));
      super.send(data, ...rest);
    }
  }
  const ws = createWSClient({ url, WebSocket: ObservedWebSocket, retryDelayMs: () => 20, ...options });
  const api = createTRPCClient({ links: [wsLink({ client: ws })] });
  t.after(() => {
    ws.close();
    for (const socket of sockets) socket.terminate();
  });
  return { api, ws, sockets };
}

/** Subscribes, and records what the callbacks are told. */
export function record(procedure, input) {
  const seen = { data: [], started: 0, stopped: 0, completed: 0, errors: [], states: [] };
  const subscription = procedure.subscribe(input, {
    onStarted: () => seen.started++,
    onData: (value) => seen.data.push(value),
    onStopped: () => seen.stopped++,
    onComplete: () => seen.completed++,
    onError: (error) => seen.errors.push(error),
    onConnectionStateChange: (state) => seen.states.push(state.state),
  });
  return Object.assign(seen, { unsubscribe: () => subscription.unsubscribe() });
}

/** Resolves as soon as `condition` holds. */
export async function until(condition, what, ms = 5_000) {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves to the error a promise is rejected with. */
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`resolved to ${JSON.stringify(value)}`);
}
