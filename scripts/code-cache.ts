/**
 * Has the launcher compile the program, with the very Node that will run it, and keep what V8 made of
 * it: of the functions that a start and first answers call, and of no other. Nothing is asked of
 * anyone but this machine's loopback interface.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where it does not answer by then, the cache holds what was compiled until then. */
const PATIENCE_MS = 10_000;
const ASK_PAUSE_MS = 100;
const QUESTIONS = 4;
/** A query for `a.cluster.local`: a miss that nobody answers, then a stored failure. */
const QUERY = Buffer.from(
  '000101000001000000000000016107636c7573746572056c6f63616c0000010001',
  'hex',
);

/** Writes the cache of the program that `launcher` runs to `path`. Rejects when there is none. */
export async function writeCodeCache(launcher: string, path: string): Promise<void> {
  await rm(path, { force: true });
  const folder = await mkdtemp(join(tmpdir(), 'nodelocaldns-build-'));
  try {
    const [port, upstreamPort] = [await freePort(), await freePort()];
    const corefile = join(folder, 'Corefile');
    await writeFile(corefile, stockBlocks(port, upstreamPort));
    const flags = ['-conf', corefile, '-localip', '127.0.0.1', '-quiet'];
    const alone = ['-setupinterface=false', '-setupiptables=false'];
    const child = fork(launcher, [...flags, ...alone, '-metrics-listen-address', '127.0.0.1:0'], {
      env: { ...process.env, NODELOCALDNS_WRITE_CACHE: path },
      silent: true,
    });
    const ended = once(child, 'close');
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    }
    await serve(child, port);
    // One that has ended already has no channel; its status says so below.
    if (child.connected) child.send('write');
    const [status] = await ended;
    if (status !== 0) throw new Error(`no code cache: the daemon ended with ${status}:\n${output}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The stock Corefile without what needs a cluster. */
function stockBlocks(port: number, upstreamPort: number): string {
  const block = (zone: string, cache: string, options: string) => `${zone}:${port} {
    errors
    ${cache}
    reload
    loop
    bind 127.0.0.1
    forward . 127.0.0.1:${upstreamPort}${options}
    prometheus 127.0.0.1:0
    ${zone === 'cluster.local' ? 'health 127.0.0.1:0' : ''}
}
`;
  const cluster = 'cache {\n        success 9984 30\n        denial 9984 5\n    }';
  const forceTcp = ' {\n        force_tcp\n    }';
  return [
    block('cluster.local', cluster, forceTcp),
    block('in-addr.arpa', 'cache 30', forceTcp),
    block('ip6.arpa', 'cache 30', forceTcp),
    block('.', 'cache 30', ''),
  ].join('');
}

/** Asks until there were answers enough, for as long as there is patience. */
async function serve(child: ChildProcess, port: number): Promise<void> {
  const socket = createSocket('udp4');
  let answers = 0;
  socket.on('message', () => {
    answers++;
  });
  // Nobody there yet.
  socket.on('error', () => {});
  const endMs = performance.now() + PATIENCE_MS;
  while (answers < QUESTIONS && child.exitCode === null && performance.now() < endMs) {
    socket.send(QUERY, port, '127.0.0.1');
    await sleep(ASK_PAUSE_MS);
  }
  socket.close();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
