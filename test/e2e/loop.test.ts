import { expect, test } from 'vitest';
import { startDaemon } from '../helpers/running-daemon.ts';

const corefile = (forward: string) => `.:{PORT} {
    errors
    bind 127.0.0.1
    loop
    ${forward}
    prometheus 127.0.0.1:{METRICS}
}
good.example:{PORT} {
    bind 127.0.0.1
    whoami
}
`;

test('a daemon that forwards to itself cuts the circle, serves the rest, and says so once', async () => {
  const daemon = await startDaemon({ corefile: corefile('forward . 127.0.0.1:{PORT}') });
  await daemon.process.untilOutput('Loop (127.0.0.1:');
  const askedAt = performance.now();
  expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
  // Long before the time-out of a query that goes in circles.
  expect(performance.now() - askedAt).toBeLessThan(1500);
  expect(await daemon.ask('a.good.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
  const to = `127.0.0.1:${daemon.ports.dns}`;
  expect(await daemon.scrape()).toContain(`nodelocaldns_loop_detected{to="${to}",zone="."} 1\n`);
  // What is known stays known, and is not said again.
  daemon.process.child.kill('SIGUSR1');
  await daemon.process.untilOutput('Reloading complete');
  expect(await daemon.ask('b.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
  expect(daemon.process.output.split('Loop (')).toHaveLength(2);
});

test('two that forward to each other cut the circle, and use the way again when it is open', async () => {
  const one = await startDaemon({ corefile: corefile('forward . 127.0.0.1:{UP}') });
  const two = await startDaemon({ corefile: corefile(`forward . 127.0.0.1:${one.ports.dns}`) });
  expect(await two.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
  // Both have looked by then: the second to look, and it alone, is to find the circle.
  const checks = () => one.upstream.seen.filter((line) => line.endsWith('HINFO')).length;
  await expect.poll(checks, { timeout: 20_000 }).toBe(2);
  await one.writeCorefile(corefile(`forward . 127.0.0.1:${two.ports.dns}`));
  one.process.child.kill('SIGUSR1');
  await one.process.untilOutput('Loop (127.0.0.1:');
  for (const daemon of [one, two]) {
    expect(await daemon.ask('a.good.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
    expect(await daemon.ask('b.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
  }
  await two.writeCorefile(corefile('forward . 127.0.0.1:{UP}'));
  two.process.child.kill('SIGUSR1');
  await expect
    .poll(() => one.ask('a.example', 'A'), { timeout: 40_000, interval: 200 })
    .toMatchObject({ rcode: 'NOERROR' });
  expect(one.process.output).toContain('no longer leads back here');
}, 90_000);
