import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const corefile = (reply: string) => `.:{PORT} {
    errors
    reload 2s 1s
    bind 127.0.0.1
    cache 30
    ${reply}
    prometheus 127.0.0.1:{METRICS}
}
`;
const FORWARD = 'forward . 127.0.0.1:{UP}';
/** Nobody listens at port 1. */
const DEAD = 'forward . 127.0.0.1:1';
const BROKEN = 'forward . not-an-address';

describe('a changed Corefile', () => {
  test('comes into force by itself within the interval', async () => {
    const daemon = await startDaemon({ corefile: corefile(DEAD) });
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
    await daemon.writeCorefile(corefile(FORWARD));
    await expect
      .poll(() => daemon.ask('a.example', 'A'), { timeout: 30_000, interval: 300 })
      .toMatchObject({ rcode: 'NOERROR' });
  });

  test('comes into force at SIGUSR1', async () => {
    // What is cached would stay.
    const text = (reply: string) => corefile(reply).replace(/^ +(reload|cache) .*\n/gm, '');
    const daemon = await startDaemon({ corefile: text('whoami') });
    await daemon.writeCorefile(text(FORWARD));
    daemon.process.child.kill('SIGUSR1');
    await expect
      .poll(() => daemon.ask('a.example', 'A'), { timeout: 30_000 })
      .toMatchObject({ rcode: 'NOERROR', answer: ['a.example 60 IN A 10.0.0.1'] });
  });

  test('that is broken is refused with its place, counted, and the old one stays', async () => {
    const daemon = await startDaemon({ corefile: corefile(FORWARD) });
    await daemon.writeCorefile(corefile(BROKEN));
    await daemon.process.untilOutput('not-an-address');
    expect(daemon.process.output).toMatch(/Corefile:6:\d+: /);
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
    expect(await daemon.scrape()).toMatch(/^coredns_reload_failed_total 1$/m);
  });
});

test('no query is lost or failed over ten reloads, and the cache stays', async () => {
  const daemon = await startDaemon({ corefile: corefile(FORWARD) });
  await daemon.ask('a.example', 'A');
  const questions = askAllAlong(daemon);
  for (let round = 0; round < 10; round++) {
    // A zone more and a zone less: another configuration each time.
    const extra = round % 2 === 0 ? 'extra.example:{PORT} {\n bind 127.0.0.1\n whoami\n}\n' : '';
    await daemon.writeCorefile(corefile(FORWARD) + extra);
    daemon.process.child.kill('SIGUSR1');
    await sleep(100);
  }
  const rcodes = await questions.stop();
  expect(rcodes.length).toBeGreaterThan(10);
  expect(new Set(rcodes)).toEqual(new Set(['NOERROR']));
  expect(daemon.upstream.seen.filter((line) => line.includes('a.example'))).toHaveLength(1);
  expect(await daemon.ask('x.extra.example', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
});

test('a Corefile that is empty for a moment, while it is written, costs no query', async () => {
  const daemon = await startDaemon({ corefile: corefile(FORWARD) });
  const questions = askAllAlong(daemon);
  await daemon.writeCorefile('');
  daemon.process.child.kill('SIGUSR1');
  await daemon.process.untilOutput('Restart failed: ');
  expect(daemon.process.output).toContain('Corefile is empty; the configuration before stays');
  await daemon.writeCorefile(corefile(FORWARD));
  daemon.process.child.kill('SIGUSR1');
  await daemon.process.untilOutput('Reloading complete');
  expect(new Set(await questions.stop())).toEqual(new Set(['NOERROR']));
});

/** Asks one question after the other until told to stop. */
function askAllAlong(daemon: RunningDaemon): { stop(): Promise<string[]> } {
  let going = true;
  const run = async () => {
    const rcodes: string[] = [];
    while (going) {
      const reply = await daemon.ask('a.example', 'A');
      rcodes.push(reply?.rcode ?? 'lost');
    }
    return rcodes;
  };
  const running = run();
  return {
    stop: () => {
      going = false;
      return running;
    },
  };
}
