/** The recorder's own player, as it is, agrees with ours. It stands beside a checkout for developers. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { BUNDLE, NODE } from '../helpers/daemon-process.ts';
import { DIFFERENCES } from './differences.ts';

const folder = new URL('../../../shared/golden/', import.meta.url).pathname;
const player = `${folder}play.mjs`;
const FILES = [
  'stock.json',
  'cache.json',
  'forward.json',
  'message.json',
  'startup.json',
  'plugins.json',
];

const server = [
  ...[NODE, BUNDLE, '-conf {COREFILE} -dns.port {PORT} -localip 127.0.0.1'],
  '-setupinterface=false -setupiptables=false -metrics-listen-address 127.0.0.1:0',
].join(' ');

/**
 * The player draws ports without asking who else does: where it may, each has a network namespace for
 * itself, so that no other test takes a port between its look and its use.
 */
const ALONE = ownNetwork(['-n']) ?? ownNetwork(['-r', '-n']) ?? [];

function ownNetwork(options: readonly string[]): readonly string[] | null {
  const command = ['unshare', ...options, 'sh', '-c', 'ip link set lo up && exec "$0" "$@"'];
  const [program, ...args] = [...command, 'true'];
  return spawnSync(program, args).status === 0 ? command : null;
}

describe.runIf(existsSync(player)).concurrent('play.mjs', () => {
  test.each(FILES)('%s', { timeout: 240_000 }, async (file) => {
    const [program, ...args] = [...ALONE, NODE, player, '--server', server, `${folder}${file}`];
    const run = promisify(execFile)(program, args, { cwd: new URL('../..', import.meta.url) });
    const { stdout } = await run.catch((error: { stdout: string }) => error);
    expect(stdout).toMatch(/^\d+ passed, \d+ failed$/m);
    const failed = [...stdout.matchAll(/^FAIL ([\w-]+)/gm)].map(([, name]) => name);
    const expected = DIFFERENCES.map(({ scenario }) => scenario);
    expect(
      failed.filter((name) => !expected.includes(name)),
      stdout,
    ).toEqual([]);
  });
});
