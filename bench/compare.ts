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
import { isInstalled, Program, SERVER_CORE, versionOf } from './load/process.ts';
import { type QueryFiles, writeQueries } from './load/queries.ts';
import { type Measured, scenarioTable } from './load/report.ts';
import { inTurns } from './load/rounds.ts';
import { SCENARIOS, type Scenario } from './load/scenarios.ts';
import { FLOOR, type Launch, SERVERS, type Server, STOCK_TTL_SECONDS } from './load/servers.ts';
import { startUpstream } from './load/upstream.ts';
import { untilAnswering } from './load/wait.ts';

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
      const table = scenarioTable(scenario, await measureAll(bench, scenario, servers));
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

async function measure(bench: Bench, scenario: Scenario, server: Server): Promise<Measured> {
  const folder = mkdtempSync(join(bench.folder, `${scenario.name}-${server.name}-`));
  const port = await freePort();
  const { upstreamPort } = bench;
  const { upstream, stubBlocks = 0 } = scenario;
  const metricsPort = await freePort();
  const network = { port, upstreamPort, upstream, metricsPort };
  const setup = { folder, ...network, stubBlocks, maxTtlSeconds: STOCK_TTL_SECONDS };
  const launch = server.launch(setup);
  if (launch === null) return { server: server.name, row: null, note: 'cannot' };
  for (const [name, text] of Object.entries(launch.files)) writeFileSync(join(folder, name), text);
  const program = new Program(SERVER_CORE, launch.command, launch.env);
  try {
    const startMs = await untilAnswering(program, port);
    const [seconds, minutes] = [Number(values.seconds), Number(values.minutes)];
    const { queries } = bench;
    const run = { program, port, queries, seconds, minutes, startMs };
    const row = await scenario.measure({ ...run, disturb: disturbing(launch, port) });
    return { server: server.name, row, note: '' };
  } catch (error) {
    console.error(
      `${server.name}, ${scenario.name}: ${error instanceof Error ? error.message : error}`,
    );
    return { server: server.name, row: null, note: 'failed' };
  } finally {
    await program.stop();
  }
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
