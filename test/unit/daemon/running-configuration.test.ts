import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { RunningConfiguration } from '../../../src/daemon/running-configuration.ts';
import { monotonicClock } from '../../../src/log/clock.ts';
import { Log } from '../../../src/log/log.ts';
import { Catalogue, type Source } from '../../../src/metrics/catalogue.ts';
import type { MetricName } from '../../../src/metrics/definitions.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import { reloadCounters } from '../../../src/plugins/reload.ts';
import { ListenerFactory } from '../../../src/server/listener-factory.ts';
import { encodeQuestion, showReply } from '../../golden/message-text.ts';
import { askUdp } from '../../helpers/dns-client.ts';
import { freePort } from '../../helpers/free-port.ts';

/** Counts the sources that are registered. */
class CountingCatalogue extends Catalogue {
  sources = 0;

  override source(name: MetricName, source: Source): () => void {
    const remove = super.source(name, source);
    this.sources++;
    return () => {
      this.sources--;
      remove();
    };
  }
}

let folder = '';
let path = '';
let port = 0;
let metricsPort = 0;
let catalogue: CountingCatalogue;
let running: RunningConfiguration;
const lines: string[] = [];

const write = (text: string) =>
  writeFileSync(
    path,
    text.replaceAll('{PORT}', `${port}`).replaceAll('{METRICS}', `${metricsPort}`),
  );

const GOOD = `.:{PORT} {
    errors
    log nothing.example
    reload 30s
    cache 30
    loop
    bind 127.0.0.1
    forward . 127.0.0.1:1
    prometheus 127.0.0.1:{METRICS}
}
`;
const OTHER = `${GOOD}other.example:{PORT} {
    bind 127.0.0.1
    cache 10
    prometheus 127.0.0.1:{METRICS}
    whoami
}
`;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'running-'));
  path = join(folder, 'Corefile');
  port = await freePort();
  metricsPort = await freePort();
  lines.length = 0;
  catalogue = new CountingCatalogue();
  const log = new Log((line) => lines.push(line));
  const clock = monotonicClock;
  const listeners = new ListenerFactory({ udpSegments: true }, { log, clock });
  const whereabouts = { localAddresses: ['127.0.0.1'], dnsPort: port };
  running = new RunningConfiguration(
    { path, defaultPort: 53, whereabouts },
    { catalogue, log, clock, listeners, panics: { count: 0 } },
  );
});
afterEach(async () => {
  await running.stop();
  rmSync(folder, { recursive: true });
});

async function rcodeOf(name: string): Promise<unknown> {
  const reply = showReply(await askUdp(port, encodeQuestion({ name, type: 'A' }, 7)));
  return reply === 'timeout' ? reply : (reply as { rcode: string }).rcode;
}

/** A listener that does not share its port. */
async function occupy(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Understood, but not to be had. */
const conflicting = (taken: number) =>
  `${OTHER}more.example:{PORT} {\n bind 127.0.0.1\n prometheus 127.0.0.1:{METRICS}\n cache\n health 127.0.0.1:${taken}\n whoami\n}\n`;

describe('a Corefile that is refused', () => {
  test.each([
    ['is empty, as it is while it is written', () => ' \n', 'Corefile is empty'],
    ['does not parse', () => `${GOOD}{`, 'Corefile:11:1: unexpected "{"'],
    ['holds an unknown directive', () => OTHER.replace('whoami', 'x'), "Unknown directive 'x'"],
    ['names a file that is not there', () => GOOD.replace('127.0.0.1:1', '/missing'), '"/missing"'],
    ['wants a port of others', conflicting, 'for health: port'],
  ])('because it %s leaves all as it was', async (_why, text, reason) => {
    write(GOOD);
    await running.start();
    const { digest } = running.corefile;
    write(text(await occupy()));
    expect(await running.reload()).toBe(false);
    const { sources } = catalogue;
    expect(await running.reloadIfChanged()).toBe(false);
    expect(catalogue.sources).toBe(sources);
    expect(running.corefile.digest).toBe(digest);
    const refusals = lines.filter((line) => line.includes('Restart failed'));
    expect(refusals).toEqual([expect.stringContaining(reason), expect.stringContaining(reason)]);
    expect(reloadCounters(catalogue).failed).toBe(2);
    expect(await rcodeOf('a.example')).toBe('SERVFAIL');
    expect(await rcodeOf('a.more.example')).toBe('SERVFAIL');
    expect(await expose(catalogue)).not.toMatch(/plugin_enabled.*more\.example/);
  });

  test('does not keep the daemon from going back to the one in force', async () => {
    write(GOOD);
    await running.start();
    write(`${GOOD}{`);
    expect(await running.reloadIfChanged()).toBe(false);
    write(GOOD);
    expect(await running.reloadIfChanged()).toBe(true);
    expect(lines).not.toContain('[INFO] Reloading complete');
  });
});

test('a thousand reloads, one in two refused, leave nothing behind', async () => {
  const texts = [GOOD, `${GOOD}{`, OTHER, conflicting(await occupy())];
  write(GOOD);
  await running.start();
  const round = async () => {
    for (const text of texts) {
      write(text);
      await running.reload();
    }
    lines.length = 0;
  };
  // Until everything is compiled that will be.
  for (let i = 0; i < 150; i++) await round();
  const before = await leastFootprint();
  for (let i = 0; i < 250; i++) await round();
  const after = await leastFootprint();
  expect(after.sources).toBe(before.sources);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.timers).toBeLessThanOrEqual(before.timers);
  expect(after.heapOctets - before.heapOctets).toBeLessThan(512 * 1024);
  // The directive follows the file too, and may see what was refused before we ask.
  expect(reloadCounters(catalogue).failed).toBeGreaterThanOrEqual(800);
}, 60_000);

/**
 * The least of what is seen within a second: what the last reload still has to close, or a file's
 * event has begun, goes away; a leak does not.
 */
async function leastFootprint() {
  let least = footprint();
  for (let i = 0; i < 10; i++) {
    await sleep(100);
    const now = footprint();
    least = {
      sources: Math.min(least.sources, now.sources),
      descriptors: Math.min(least.descriptors, now.descriptors),
      timers: Math.min(least.timers, now.timers),
      heapOctets: Math.min(least.heapOctets, now.heapOctets),
    };
  }
  return least;
}

/** What a leak would make grow. */
function footprint() {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return {
    sources: catalogue.sources,
    descriptors: readdirSync('/proc/self/fd').length,
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    heapOctets: process.memoryUsage().heapUsed,
  };
}

test('reloads that are asked for at the same time come one after the other', async () => {
  write(GOOD);
  await running.start();
  write(OTHER);
  const results = await Promise.all([
    running.reload(),
    running.reloadIfChanged(),
    running.refresh(),
  ]);
  expect(results).toEqual([true, true, true]);
  expect(lines.filter((line) => line.endsWith('Reloading complete'))).toHaveLength(2);
  expect(await rcodeOf('a.other.example')).toBe('NOERROR');
});

test('when the daemon is asked to end, what is under way is finished and nothing more is begun', async () => {
  write(GOOD);
  await running.start();
  write(OTHER);
  const underWay = running.reload();
  const ended = running.beforeShutdown();
  const late = running.reload();
  await ended;
  expect(await late).toBe(false);
  expect(await underWay).toBe(false);
  expect(await rcodeOf('a.example')).toBe('SERVFAIL');
  expect(reloadCounters(catalogue).failed).toBe(0);
});

test('a server at the wildcard address is any address of this machine, and no other', async () => {
  write(GOOD.replace('bind 127.0.0.1', ''));
  await running.start();
  expect(running.isOwnAddress('127.0.0.53', port)).toBe(true);
  expect(running.isOwnAddress('127.0.0.1', port + 1)).toBe(false);
  expect(running.isOwnAddress('192.0.2.1', port)).toBe(false);
});
