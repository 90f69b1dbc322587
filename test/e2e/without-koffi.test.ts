/** Where koffi cannot be loaded the daemon starts and serves all the same. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';
import { copyWithoutKoffi } from '../helpers/without-koffi.ts';

let copy: ReturnType<typeof copyWithoutKoffi>;

beforeAll(() => {
  copy = copyWithoutKoffi();
});
afterAll(() => rmSync(copy.folder, { recursive: true }));

const start = (): Promise<RunningDaemon> => startDaemon({ bundle: copy.bundle });

test('answers over UDP and TCP, from upstream and from the cache', async () => {
  const daemon = await start();
  for (const transport of ['udp', 'tcp', 'udp'] as const) {
    expect(await daemon.ask('a.example', 'A', { transport })).toMatchObject({
      rcode: 'NOERROR',
      answer: [expect.stringContaining('10.0.0.1')],
    });
  }
  expect(await daemon.scrape()).toMatch(/^coredns_cache_hits_total\{.*\} 2$/m);
});

test('says so in one warning, and what is missing', async () => {
  const daemon = await start();
  await daemon.process.untilOutput(' serves ');
  const warnings = daemon.process.output.match(/^\[WARNING\].*$/gm);
  expect(warnings).toEqual([
    expect.stringMatching(
      /^\[WARNING\] The C library cannot be called: .*a hung process is not ended \(Cannot find the native Koffi module.*\)$/,
    ),
  ]);
});

test('ends in good order', async () => {
  const daemon = await start();
  await daemon.process.untilOutput(' serves ');
  expect(await daemon.process.stop()).toEqual({ status: 0, signal: null });
});
