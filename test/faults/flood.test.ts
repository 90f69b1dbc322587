/**
 * One client asks for 20,000 random names a second. The others must not notice much: what they see
 * is compared with what they see without, in the same run.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { NODE } from '../helpers/daemon-process.ts';
import { freePort } from '../helpers/free-port.ts';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';
import type { Seen } from '../hostile/harness/steady-clients.ts';

const FLOODER = '127.0.0.2';
const FLOOD_PER_SECOND = 20_000;
const SECONDS = 2;
/** The flood begins so much earlier and ends so much later than the clients that are measured. */
const MARGIN_SECONDS = 0.7;
/** A flood is one when this much of it was sent, or when the daemon had to refuse so many. */
const SENT_SHARE = 0.9;
const REFUSED = 1000;

/** Cached answers take twice as long at most; the slowest hundredth of so few is by chance often more. */
const MAX_RATIO = 2;
const MAX_MISS_MS = 500;
const MAX_ROUNDS = process.env.FAULTS === 'short' ? 4 : 8;
/** In `npm test`, on machines that do other things as well, less than this says nothing. */
const FLOOR_MS = process.env.FAULTS === 'short' ? 5 : 0;

/** What clients see in one round, without and beside the flood. */
interface Round {
  readonly quiet: { readonly hits: Seen; readonly misses: Seen };
  readonly flooded: { readonly hits: Seen; readonly misses: Seen };
  /** Whether the flood was sent as it was meant to be. */
  readonly isWhole: boolean;
}

const corefile = (cache: string, upstreamPort: number) => `.:{PORT} {
    bind 127.0.0.1
    errors
    ${cache}
    prometheus 127.0.0.1:{METRICS}
    forward . 127.0.0.1:${upstreamPort}
}
`;

test.for([
  ['with a cache', 'cache 30', MAX_RATIO],
  // Nothing is cached: all that others ask is a miss, and has the time of one.
  ['without', '', Number.POSITIVE_INFINITY],
] as const)(
  'a flood of misses from one client leaves the others their answers: %s',
  { timeout: 120_000 },
  async ([, cache, maxRatio], { skip }) => {
    const upstreamPort = await freePort();
    const upstream = startScript('quick-upstream.ts', [upstreamPort]);
    await once(upstream.stdout ?? upstream, 'data');
    const daemon = await startDaemon({ corefile: corefile(cache, upstreamPort) });
    const { dns: port } = daemon.ports;
    // The flood comes from another machine, so to speak: it takes no processor from these.
    const isFirst = [upstream, daemon.process.child].every(({ pid }) => putFirst(pid ?? 0));
    await seenBy(port, 1, isFirst);

    const ratios: number[] = [];
    let refused = 0;
    let floods = 0;
    const rounds = isFirst ? MAX_ROUNDS : 1;
    for (let round = 0; round < rounds && !ratios.some((r) => r <= maxRatio); round++) {
      const { quiet, flooded, isWhole } = await flood(port, isFirst);
      console.log(`quiet ${JSON.stringify(quiet)}; flooded ${JSON.stringify(flooded)}`);
      // Nobody else was refused, nothing of theirs failed or was lost.
      expect(flooded.hits).toMatchObject({ lost: 0, rcodes: { 0: 400 * SECONDS } });
      expect(flooded.misses).toMatchObject({ lost: 0, rcodes: { 3: 50 * SECONDS } });
      const before = refused;
      refused = await refusedBy(daemon);
      const isFlood = isWhole || refused - before > REFUSED;
      if (isFlood) floods++;
      const isInTime = Math.max(flooded.hits.p99Ms, flooded.misses.p99Ms) <= MAX_MISS_MS;
      if (isFlood && isInTime)
        ratios.push(flooded.hits.p99Ms / Math.max(quiet.hits.p99Ms, FLOOR_MS));
    }
    skip(floods === 0, 'the flood had too little of the processor to be one');
    const lines = daemon.process.output.split('\n').filter((line) => line.includes('refusing'));
    // A busy machine may take longer than a minute for all rounds; a fast one refuses nobody.
    expect(lines.length).toBeLessThanOrEqual(2);
    if (refused > 0) expect(lines[0]).toContain(FLOODER);
    skip(!isFirst, 'nothing can be put first here, so times say nothing');
    expect(Math.min(...ratios)).toBeLessThanOrEqual(maxRatio);
  },
);

async function refusedBy(daemon: RunningDaemon): Promise<number> {
  const line = /throttled_total\{reason="processor"\} (\d+)/.exec(await daemon.scrape());
  return Number(line?.[1]);
}

async function flood(port: number, isFirst: boolean): Promise<Round> {
  const quiet = await seenBy(port, SECONDS, isFirst);
  const seconds = SECONDS + 2 * MARGIN_SECONDS + 0.5;
  const flooder = startScript('flood.ts', [FLOODER, port, FLOOD_PER_SECOND, seconds]);
  const isOver = once(flooder.stdout ?? flooder, 'data');
  await sleep(1000 * (MARGIN_SECONDS + 0.3));
  const flooded = await seenBy(port, SECONDS, isFirst);
  const { sent }: { sent: number } = JSON.parse(String(await isOver));
  return { quiet, flooded, isWhole: sent >= SENT_SHARE * FLOOD_PER_SECOND * seconds };
}

/** What the others see for some seconds. */
async function seenBy(port: number, seconds: number, isFirst: boolean): Promise<Round['quiet']> {
  const clients = startScript('steady-clients.ts', [port, seconds], isFirst ? FIRST : []);
  const [report] = await once(clients.stdout ?? clients, 'data');
  return JSON.parse(String(report));
}

/** A command that has its program run before all that is not run so. */
const FIRST: readonly string[] = ['chrt', '--fifo', '1'];

/** The same for a process that runs, with all its threads; false where that is not allowed. */
function putFirst(pid: number): boolean {
  return spawnSync('chrt', ['--all-tasks', '--fifo', '--pid', '1', `${pid}`]).status === 0;
}

/** A script of the harness as a process of its own, gone when the test is over. */
function startScript(
  name: string,
  args: readonly (string | number)[],
  prefix: readonly string[] = [],
): ChildProcess {
  const path = new URL(`../hostile/harness/${name}`, import.meta.url).pathname;
  const [program, ...rest] = [...prefix, NODE, path, ...args.map(String)];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  return child;
}
