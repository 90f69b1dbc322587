import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { startDemo } from '../../../src/cli/demo.ts';

/** Stands for the daemon: remembers its flags and the Corefile's template. */
function fakeDaemon() {
  const seen = { flags: [] as readonly string[], corefile: '', path: '', stopped: false };
  const start = async (flags: readonly string[]) => {
    seen.flags = flags;
    seen.path = flags[flags.indexOf('-basecorefile') + 1];
    seen.corefile = await readFile(seen.path, 'utf8');
    return {
      stop: async () => {
        seen.stopped = true;
      },
    };
  };
  return { seen, start };
}

const dnsPortIn = (corefile: string) => Number(/^cluster\.local:(\d+) \{$/m.exec(corefile)?.[1]);

test('starts the daemon without touching the machine, and says what to try', async () => {
  const { seen, start } = fakeDaemon();
  let printed = '';
  const demo = await startDemo(start, (text) => {
    printed += text;
  });
  const port = dnsPortIn(seen.corefile);
  expect(seen.flags).toEqual(
    expect.arrayContaining(['-setupinterface=false', '-setupiptables=false', `${port}`]),
  );
  expect(seen.corefile.match(/^\S+:\d+ \{$/gm)).toHaveLength(4);
  expect(printed.match(new RegExp(`^ +dig @127\\.0\\.0\\.1 -p ${port} `, 'gm'))).toHaveLength(3);
  expect(printed).toMatch(/Metrics: http:\/\/127\.0\.0\.1:\d+\/metrics/);
  expect(printed).toContain('Ctrl-C');
  await demo.stop();
  expect(seen.stopped).toBe(true);
  expect(existsSync(dirname(seen.path))).toBe(false);
});

test('takes the next port when the wanted one is in use', async () => {
  const first = fakeDaemon();
  const demo = await startDemo(first.start, () => {});
  const taken = dnsPortIn(first.seen.corefile);
  await demo.stop();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve));
  try {
    const second = fakeDaemon();
    await (await startDemo(second.start, () => {})).stop();
    expect(dnsPortIn(second.seen.corefile)).toBeGreaterThan(taken);
  } finally {
    server.close();
  }
});

test('leaves nothing behind when the daemon does not start', async () => {
  let path = '';
  const start = async (flags: readonly string[]) => {
    path = flags[flags.indexOf('-conf') + 1];
    throw new Error('no');
  };
  await expect(startDemo(start, () => {})).rejects.toThrow('no');
  expect(existsSync(dirname(path))).toBe(false);
});
