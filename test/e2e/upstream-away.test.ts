/** An upstream that is not there when the daemon starts. */
import { expect, test } from 'vitest';
import { COREFILE, prepareDaemon } from '../helpers/running-daemon.ts';

test.each([
  ['UDP', COREFILE],
  [
    'TCP',
    COREFILE.replace('forward . 127.0.0.1:{UP}', 'forward . 127.0.0.1:{UP} {\n force_tcp\n }'),
  ],
])('over %s: serves without it, and answers when it comes', async (_, corefile) => {
  const daemon = await prepareDaemon({ corefile });
  await daemon.upstream.down();
  await daemon.process.untilListening(daemon.ports.dns);
  const health = await fetch(`http://127.0.0.1:${daemon.ports.health}/health`);
  expect(health.status).toBe(200);
  expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
  await daemon.upstream.up();
  const startMs = performance.now();
  const ask = async () => (await daemon.ask('a.example', 'A'))?.rcode;
  await expect.poll(ask, { timeout: 30_000, interval: 20 }).toBe('NOERROR');
  console.log(`upstream back: answered after ${Math.round(performance.now() - startMs)} ms`);
});
