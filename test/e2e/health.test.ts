import { expect, test } from 'vitest';
import { startDaemon } from '../helpers/running-daemon.ts';

test('/health says OK, and nothing else is there', async () => {
  const { ports } = await startDaemon();
  const health = await fetch(`http://127.0.0.1:${ports.health}/health`);
  expect(health.status).toBe(200);
  expect(await health.text()).toBe('OK');
  expect((await fetch(`http://127.0.0.1:${ports.health}/other`)).status).toBe(404);
});

test('health stays for the time of the lame duck while DNS is served', async () => {
  const daemon = await startDaemon({
    corefile: `.:{PORT} {
    bind 127.0.0.1
    forward . 127.0.0.1:{UP}
    health 127.0.0.1:{HEALTH} {
        lameduck 600ms
    }
}
`,
  });
  const { ports, process } = daemon;
  const stoppedAt = performance.now();
  process.child.kill('SIGTERM');
  await process.untilOutput('lameduck');
  expect((await fetch(`http://127.0.0.1:${ports.health}/health`)).status).toBe(200);
  expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
  expect(await process.untilExit()).toMatchObject({ status: 0 });
  expect(performance.now() - stoppedAt).toBeGreaterThan(550);
});
