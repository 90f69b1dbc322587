/**
 * `npm run bench`: our daemon beside the DNS servers that are installed here, each with an equal
 * cache in front of the same upstream, one after the other on one core. `--help` lists the options.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/helpers/free-port.ts';
import { disturb } from './load/disturbance.ts';
import { movesToNamespace } from './load/namespace.ts';
import { isInstalled, versionOf } from './load/process.ts';
import { type QueryFiles, writeQueries } from './load/queries.ts';
import { type Measured, scenarioTable } from './load/report.ts';
import { inTurns } from './load/rounds.ts';
import { type Running, startServer } from './load/running.ts';
import { type OwnScenario, type Run, SCENARIOS, type Scenario } from './load/scenarios.ts';
import {
  FLOOR,
  type Launch,
  SERVERS,
  type Server,
  STOCK_TTL_SECONDS,
  type Upstream,
} from './load/servers.ts';
import { startUpstream } from './load/upstream.ts';

const HELP = `npm run bench -- [options]

  --scenario NAMES   only these, with commas between: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --server NAMES     only these beside ours: ${SERVERS.slice(1)
    .map(({ name }) => name)
    .join(', ')}; ${SERVERS[0].name}: none
  --seconds N        how long each load lasts (10)
  --rounds N         how often each server is measured, in turns; the table has the medians (1)
  --minutes N        how long the memory scenario loads (10)
  --write            put the tables into bench/README.md as well
  --help`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    server: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '10' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** What all scenarios share. */
interface Bench {
  readonly folder: string;
  readonly upstreamPort: number;
  readonly queries: QueryFiles;
}

if (values.help) console.log(HELP);
else if (!movesToNamespace()) await main();

async function main(): Promise<void> {
  const scenarios = pick(SCENARIOS, values.scenario);
  const wanted = new Set([SERVERS[0], ...pick(SERVERS, values.server)]);
  const servers = [...wanted].filter(({ program }) => program === '' || isInstalled(program));
  const folder = mkdtempSync(join(tmpdir(), 'nodelocaldns-bench-'));
  const upstreamPort = await freePort();
  const upstream = await startUpstream(join(folder, 'nsd'), upstreamPort);
  try {
    const bench = { folder, upstreamPort, queries: writeQueries(folder) };
    const parts = [heading(servers)];
    console.log(parts[0]);
    for (const scenario of scenarios) {
      const measured =
        'compare' in scenario
          ? await measureOwn(bench, scenario)
          : await measureAll(bench, scenario, servers);
      const table = scenarioTable(scenario, measured);
      console.log(table);
      parts.push(table);
    }
    save(parts.join('\n'));
  } finally {
    await upstream.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Those of a list that are named; all without names. */
function pick<T extends { readonly name: string }>(
  all: readonly T[],
  names?: string,
): readonly T[] {
  if (names === undefined) return all;
  return names.split(',').map((name) => {
    const found = all.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`unknown name "${name}"; --help lists them`);
    return found;
  });
}

async function measureAll(
  bench: Bench,
  scenario: Scenario,
  servers: readonly Server[],
): Promise<Measured[]> {
  const all = scenario.hasFloor ? [...servers, FLOOR] : servers;
  const rounds = scenario.isLong ? 1 : Number(values.rounds);
  return inTurns(all, rounds, (server) => measure(bench, scenario, server));
}

async function measureOwn(bench: Bench, scenario: OwnScenario): Promise<Measured[]> {
  const [ours] = SERVERS;
  const startOurs = async (stubBlocks: number) => {
    const running = await start(bench, ours, 'udp', stubBlocks);
    if (running === null) throw new Error('not started');
    return running;
  };
  try {
    return await scenario.compare(startOurs, bench.queries);
  } catch (error) {
    return [failed(ours.name, scenario.name, error)];
  }
}

async function measure(bench: Bench, scenario: Scenario, server: Server): Promise<Measured> {
  try {
    const running = await start(bench, server, scenario.upstream);
    if (running === null) return { server: server.name, row: null, note: 'cannot' };
    try {
      return { server: server.name, row: await scenario.measure(runOf(bench, running)), note: '' };
    } finally {
      await running.program.stop();
    }
  } catch (error) {
    return failed(server.name, scenario.name, error);
  }
}

function start(
  { folder, upstreamPort }: Bench,
  server: Server,
  upstream: Upstream,
  stubBlocks = 0,
): Promise<Running | null> {
  const maxTtlSeconds = STOCK_TTL_SECONDS;
  return startServer(server, folder, { upstreamPort, upstream, stubBlocks, maxTtlSeconds });
}

function runOf({ queries }: Bench, { program, port, launch, startMs }: Running): Run {
  const [seconds, minutes] = [Number(values.seconds), Number(values.minutes)];
  const run = { program, port, queries, seconds, minutes, startMs };
  return { ...run, disturb: disturbing(launch, port) };
}

function failed(server: string, scenario: string, error: unknown): Measured {
  console.error(`${server}, ${scenario}: ${error instanceof Error ? error.message : error}`);
  return { server, row: null, note: 'failed' };
}

/** Only servers that have both metrics and a file to reload are disturbed. */
function disturbing({ metricsPort, corefile }: Launch, port: number) {
  if (metricsPort === undefined || corefile === undefined) return null;
  return () => disturb(metricsPort, corefile, port);
}

function heading(servers: readonly Server[]): string {
  const commit = execFileSync('git', ['describe', '--always', '--dirty'], {
    encoding: 'utf8',
  }).trim();
  const versions = servers.map(
    ({ name, versionCommand }) => `${name}: ${versionOf(versionCommand)}`,
  );
  const rounds = Number(values.rounds) > 1 ? `, medians of ${values.rounds} rounds` : '';
  return `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit}${rounds}, Linux ${release()}, ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores.

${versions.map((version) => `- ${version}`).join('\n')}
`;
}

/** Keeps every run under its time; the latest complete tables stand in bench/README.md. */
function save(text: string): void {
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const name = new Date().toISOString().slice(0, 16).replace(':', '');
  writeFileSync(new URL(`${name}.md`, folder), text);
  console.log(`written to bench/results/${name}.md`);
  if (!values.write) return;
  const readme = new URL('README.md', import.meta.url);
  const [introduction] = readFileSync(readme, 'utf8').split('<!-- latest -->');
  writeFileSync(readme, `${introduction}<!-- latest -->\n\n${text}`);
}
