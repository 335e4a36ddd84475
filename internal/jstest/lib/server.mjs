// The server under test: the kitchen sink, built once and started as often as
// a test likes.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const running = new Set();
let folder;

function binary() {
  if (!folder) {
    folder = mkdtempSync(join(tmpdir(), 'zapsocket-jstest-'));
    execFileSync('go', ['build', '-o', join(folder, 'kitchensink'), './examples/kitchensink'], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
  return join(folder, 'kitchensink');
}

after(() => {
  for (const child of running) child.kill('SIGKILL');
  if (folder) rmSync(folder, { recursive: true });
});

/** Starts a server on a free port. */
export async function startServer() {
  const child = spawn(binary(), ['-addr', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let log = '';
  child.stderr.on('data', (text) => (log += text));
  const exited = once(child, 'exit').then(([code]) => {
    running.delete(child);
    return code;
  });
  const lines = createInterface({ input: child.stdout });
  const url = await Promise.race([
    once(lines, 'line').then(([line]) => /^serving on (ws:.*)$/.exec(line)?.[1]),
    exited,
  ]);
  if (typeof url !== 'string') throw new Error(`the server does not start: ${log}`);
  return {
    url: `${url}/rpc`,
    exited,
    log: () => log,
    /** Asks the server to drain; resolves to its exit code. */
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}
