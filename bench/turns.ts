/**
 * Latencies of builds of ours and of unbound. All run at once on one core and are asked in turns, a few seconds
 * each: a machine that changes from minute to minute changes for all of them. For differences of a few percent.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/helpers/free-port.ts';
import { load, percentile } from './load/dnsperf.ts';
import { movesToNamespace } from './load/namespace.ts';
import { isInstalled } from './load/process.ts';
import { writeQueries } from './load/queries.ts';
import { type Measured, scenarioTable } from './load/report.ts';
import { inTurns } from './load/rounds.ts';
import { type Running, startServer } from './load/running.ts';
import { build, SERVERS, type Server } from './load/servers.ts';
import { startUpstream } from './load/upstream.ts';

const HELP = `node bench/turns.ts [options] [NAME=FOLDER...]

The build in dist/ (npm run build) beside unbound and beside copies of dist/ that were made of other commits.

  --rate NUMBERS   queries per second, with commas between (1000,10000)
  --rounds N       bursts of each server; the table has the medians (8)
  --seconds N      how long each lasts (3)
  --help`;

const WARM_UP_SECONDS = 5;
/** Nothing is asked again meanwhile: this is about answers from the cache. */
const MAX_TTL_SECONDS = 3600;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string', default: '1000,10000' },
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else if (!movesToNamespace()) await main();

async function main(): Promise<void> {
  const servers = SERVERS.filter(({ name }) => name === 'nodelocaldns' || name === 'unbound');
  const all = [...servers, ...positionals.map(otherBuild)];
  const folder = mkdtempSync(join(tmpdir(), 'nodelocaldns-bench-'));
  const upstreamPort = await freePort();
  const limits = { stubBlocks: 0, maxTtlSeconds: MAX_TTL_SECONDS };
  const surroundings = { upstreamPort, upstream: 'udp' as const, ...limits };
  const running: Running[] = [];
  const upstream = await startUpstream(join(folder, 'nsd'), upstreamPort);
  try {
    for (const server of all) {
      if (server.program !== '' && !isInstalled(server.program)) continue;
      const started = await startServer(server, folder, surroundings);
      if (started !== null) running.push(started);
    }
    await measureAll(running, writeQueries(folder).hits);
  } finally {
    await Promise.all([upstream, ...running.map(({ program }) => program)].map((p) => p.stop()));
    rmSync(folder, { recursive: true });
  }
}

function otherBuild(text: string): Server {
  const [name, folder] = text.split('=', 2);
  if (folder === undefined) throw new Error(`"${text}" is not NAME=FOLDER`);
  return build(name, resolve(folder));
}

async function measureAll(running: readonly Running[], queries: string): Promise<void> {
  for (const { port } of running) {
    await load({ port, queries, rounds: 1, outstanding: 50 });
    await load({ port, queries, seconds: WARM_UP_SECONDS });
  }
  for (const perSecond of values.rate.split(',').map(Number)) {
    for (const { port } of running) await load({ port, queries, perSecond, seconds: 3 });
    const measured = await inTurns(running, Number(values.rounds), (server) =>
      burst(server, queries, perSecond),
    );
    console.log(scenarioTable({ title: `${perSecond.toLocaleString('en')}/s` }, measured));
  }
}

async function burst(server: Running, queries: string, perSecond: number): Promise<Measured> {
  const { name, program, port } = server;
  const beforeUs = program.threadsUs();
  const seconds = Number(values.seconds);
  const { latenciesUs, answered } = await load({
    ...{ port, queries, perSecond, seconds },
    latencies: true,
  });
  const row = {
    'p50 µs': percentile(latenciesUs, 50),
    'p99 µs': percentile(latenciesUs, 99),
    'p99.9 µs': percentile(latenciesUs, 99.9),
    'CPU µs/answer': (program.threadsUs() - beforeUs) / answered,
  };
  return { server: name, row, note: '' };
}
