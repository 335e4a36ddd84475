// What the servers have in common, as package control has it for those in Go:
// they say where they listen, tell their memory for each line on standard
// input, and end when that does.
import readline from 'node:readline';

export function main(server) {
  server.listen(0, '127.0.0.1', 4096, () => console.log(`READY 127.0.0.1:${server.address().port}`));
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (line.trim() === 'gc') for (let i = 0; i < 4; i++) globalThis.gc(); // needs node --expose-gc
    const { rss, heapUsed } = process.memoryUsage();
    console.log(JSON.stringify({ rss, heap_alloc: heapUsed }));
  });
  lines.on('close', () => process.exit(0));
}

export const firstSeq = 10_000_000;

// produce calls send with the numbers of n items. There is no back-pressure in
// what sends them, so the event loop, and with it the socket, has its turn
// every 64 items, and no more are made while the peer is behind.
export function produce(n, { send, open, behind }) {
  let i = 0;
  const some = () => {
    if (!open()) return;
    for (const end = Math.min(i + 64, n); i < end; i++) send(firstSeq + i);
    if (i < n) behind() ? setTimeout(some, 1) : setImmediate(some);
  };
  some();
}
