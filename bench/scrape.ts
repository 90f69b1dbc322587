/**
 * What a scrape of the metrics costs: how long it takes while the daemon serves 5,000 queries a
 * second with the stock four blocks, and what it does to their answers. `node bench/scrape.ts`,
 * after a build.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { load, percentile } from './load/dnsperf.ts';
import { LOAD_CORE, Program, SERVER_CORE } from './load/process.ts';

const BUILT = new URL('../dist/nodelocaldns.js', import.meta.url).pathname;
const DNS = 15_353;
const UPSTREAM = 15_354;
const METRICS = 15_355;
const PER_SECOND = 5000;
const SECONDS = 10;
const SCRAPE_INTERVAL_MS = 100;
const NAMES = 2000;
/** Scrapes whose processor time is measured: /proc counts in steps of 10 ms. */
const COSTED = 300;

const BLOCKS = ['cluster.local', 'in-addr.arpa', 'ip6.arpa', '.'].map(
  (zone) => `${zone}:${DNS} {
    errors
    cache 30
    loop
    bind 127.0.0.1
    forward . 127.0.0.1:${UPSTREAM}
    prometheus 127.0.0.1:${METRICS}
}
`,
);
/** Answers every name. */
const ANSWERER = `.:${UPSTREAM} {
    bind 127.0.0.1
    template IN ANY {
        answer "{{ .Name }} 30 IN A 10.0.0.1"
    }
}
`;

const folder = await mkdtemp(join(tmpdir(), 'nodelocaldns-scrape-'));
const programs = [
  await startDaemon('answerer', ANSWERER, LOAD_CORE),
  await startDaemon('cache', BLOCKS.join(''), SERVER_CORE),
];
try {
  const queries = join(folder, 'queries');
  const suffixes = ['svc.cluster.local', 'example.org'];
  const lines = Array.from({ length: NAMES }, (_, i) => `n${i}.${suffixes[i % 2]} A\n`);
  await writeFile(queries, lines.join(''));
  await untilScraped();
  const options = { port: DNS, queries, perSecond: PER_SECOND, seconds: SECONDS, latencies: true };
  await load({ ...options, seconds: 2 });
  report('without scrapes', (await load(options)).latenciesUs);
  let isOver = false;
  const scraping = scrapeUntil(() => isOver);
  const { latenciesUs } = await load(options);
  isOver = true;
  const { durationsUs, octets } = await scraping;
  report(`with a scrape each ${SCRAPE_INTERVAL_MS} ms`, latenciesUs);
  report(`a scrape (${octets} octets)`, durationsUs);
  console.log(`processor time of a scrape: ${(await scrapeCostUs()).toFixed(0)} µs`);
} finally {
  for (const program of programs) await program.stop();
  await rm(folder, { recursive: true });
}

async function startDaemon(name: string, corefile: string, core: number): Promise<Program> {
  const path = join(folder, name);
  await writeFile(path, corefile);
  const flags = ['-conf', path, '-localip', '127.0.0.1', '-metrics-listen-address', '127.0.0.1:0'];
  const quiet = ['-setupinterface=false', '-setupiptables=false'];
  return new Program(core, [process.execPath, BUILT, ...flags, ...quiet]);
}

async function untilScraped(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await scrape().catch(() => null)) return;
    await sleep(100);
  }
  throw new Error(`no metrics:\n${programs.map(({ output }) => output).join('\n')}`);
}

async function scrape(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${METRICS}/metrics`)).text();
}

async function scrapeUntil(isOver: () => boolean) {
  const durationsUs: number[] = [];
  let octets = 0;
  while (!isOver()) {
    const startMs = performance.now();
    octets = (await scrape()).length;
    durationsUs.push((performance.now() - startMs) * 1000);
    await sleep(SCRAPE_INTERVAL_MS);
  }
  return { durationsUs: durationsUs.sort((a, b) => a - b), octets };
}

/** Of the daemon, without a load: the kernel's share included, the scraper's not. */
async function scrapeCostUs(): Promise<number> {
  const [, daemon] = programs;
  const before = daemon.cpuUs();
  for (let i = 0; i < COSTED; i++) await scrape();
  return (daemon.cpuUs() - before) / COSTED;
}

function report(what: string, ascendingUs: readonly number[]): void {
  const at = (percent: number) => `${percent} %: ${percentile(ascendingUs, percent).toFixed(0)} µs`;
  console.log(`${what}: ${[50, 99, 99.9].map(at).join(', ')}`);
}
