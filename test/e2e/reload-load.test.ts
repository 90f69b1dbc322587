import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const PER_SECOND = 5000;
const SECONDS = 12;
const RELOADS = 20;
const NAMES = Array.from({ length: 200 }, (_, at) => `n${at}.example`);
/** Answers live longer than the test: every name is asked upstream once. */
const RULES = NAMES.map((name) => ({
  name: `${name}.`,
  type: 'A',
  reply: { answer: [`${name}. 300 IN A 10.0.0.1`] },
}));

const corefile = (more: string) => `.:{PORT} {
    errors
    reload 30s
    loop
    bind 127.0.0.1
    cache 300
    forward . 127.0.0.1:{UP}
    prometheus 127.0.0.1:{METRICS}
}
${more}`;
const block = (round: number) =>
  `extra${round}.example:{PORT} {\n    bind 127.0.0.1\n    cache\n    whoami\n}\n`;

/** What dnsperf says it has seen. */
interface Load {
  readonly sent: number;
  readonly completed: number;
  readonly lost: number;
  readonly rcodes: string;
}

async function load(daemon: RunningDaemon): Promise<Load> {
  await daemon.writeFile('queries', NAMES.map((name) => `${name} A\n`).join(''));
  const flags = ['-s', '127.0.0.1', '-p', `${daemon.ports.dns}`, '-d', `${daemon.folder}/queries`];
  const amount = ['-Q', `${PER_SECOND}`, '-l', `${SECONDS}`, '-c', '4', '-T', '1', '-t', '5'];
  const dnsperf = spawn('dnsperf', [...flags, ...amount], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [dnsperf.stdout, dnsperf.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await once(dnsperf, 'close');
  const number = (what: string) =>
    Number(new RegExp(`Queries ${what}:\\s+(\\d+)`).exec(output)?.[1]);
  return {
    sent: number('sent'),
    completed: number('completed'),
    lost: number('lost'),
    rcodes: /Response codes:\s+(.*)/.exec(output)?.[1] ?? output,
  };
}

test.skipIf(!hasDnsperf())(
  'reloads under load cost no query, no failure and no hit',
  async () => {
    const daemon = await startDaemon({ corefile: corefile(''), rules: RULES });
    const loaded = load(daemon);
    await sleep(500);
    for (let round = 1; round <= RELOADS; round++) {
      await sleep(500);
      // One in four is refused; of the others each is another configuration.
      const isBad = round % 4 === 0;
      await daemon.writeCorefile(
        // Another fault each time: the log counts one that repeats itself.
        corefile(isBad ? `bad.example {\n    nonsense${round}\n}\n` : block(round)),
      );
      const nth = Math.floor(isBad ? round / 4 : round - Math.floor(round / 4));
      const line = isBad ? 'Restart failed' : 'Reloading complete';
      await expect.poll(() => daemon.process.output.split(line).length - 1).toBe(nth);
    }
    const result = await loaded;
    expect(result.sent).toBeGreaterThan(PER_SECOND * SECONDS * 0.9);
    expect(result).toMatchObject({ lost: 0, completed: result.sent });
    expect(result.rcodes).toBe(`NOERROR ${result.sent} (100.00%)`);
    const asked = daemon.upstream.seen.filter((line) => line.endsWith('.example A'));
    expect(asked).toHaveLength(NAMES.length);
    const text = await daemon.scrape();
    const misses = `coredns_cache_misses_total{server="dns://127.0.0.1:${daemon.ports.dns}",view="",zones="."} `;
    const waited = Number(text.split(misses)[1]?.split('\n')[0]);
    // Those that came while the first answer was on its way are misses too.
    expect(waited).toBeLessThan(NAMES.length * 2);
  },
  60_000,
);

test('SIGTERM in the middle of reloads ends the daemon as ever', async () => {
  const daemon = await startDaemon({ corefile: corefile('') });
  for (let round = 0; round < 5; round++) {
    await daemon.writeCorefile(corefile(block(round)));
    daemon.process.child.kill('SIGUSR1');
  }
  const startedAt = performance.now();
  expect(await daemon.process.stop('SIGTERM')).toEqual({ status: 0, signal: null });
  // By itself: after ten seconds it would have been killed.
  expect(performance.now() - startedAt).toBeLessThan(9000);
});

function hasDnsperf(): boolean {
  try {
    execFileSync('dnsperf', ['-h'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
