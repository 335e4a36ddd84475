// A TCP proxy that breaks connections in the ways networks do.
import { once } from 'node:events';
import net from 'node:net';

/** Starts a proxy before the server at `target`, and closes it after the test. */
export async function startProxy(t, target) {
  const { hostname, port, pathname } = new URL(target);
  const pairs = new Set();
  const proxy = {
    url: null,
    /** Drops all connections, without a close handshake. */
    cut() {
      for (const { client, upstream } of pairs) {
        client.destroy();
        upstream.destroy();
      }
    },
    /** Goes on with all connections, but forwards nothing of them any more. */
    hold() {
      for (const { client, upstream } of pairs) {
        client.unpipe(upstream).resume();
        upstream.unpipe(client).resume();
      }
    },
  };
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), hostname);
    const pair = { client, upstream };
    pairs.add(pair);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    proxy.cut();
    server.close();
  });
  proxy.url = `ws://127.0.0.1:${server.address().port}${pathname}`;
  return proxy;
}
