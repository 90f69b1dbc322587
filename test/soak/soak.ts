/**
 * Runs a daemon for a long time under mixed load, with reloads, upstreams that go and come back,
 * take-overs and, as root, links that go down; at the end it must hold no more memory, descriptors, timers and connections than at
 * the start. `npm run soak -- --minutes 10`, with `--only reload` or another of the disturbances.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { podLookups } from '../helpers/cluster-names.ts';
import { askSteadily, percentile, type Steady } from '../hostile/harness/steady-client.ts';
import { runInOwnNetwork, SoakNetwork } from './soak-network.ts';
import { SoakUpstream } from './soak-upstream.ts';
import { INTERFACE, LOCAL_IP, SoakedDaemon } from './soaked-daemon.ts';
import { findGrowth, type Vitals } from './vitals.ts';

/** One disturbance follows the other after so long. */
const STEP_SECONDS = 15;
/** Idle connections of clients and to upstreams are closed after 10 s, listeners of a predecessor sooner. */
const REST_SECONDS = 20;
const WARM_UP_SECONDS = 20;

if (runInOwnNetwork()) process.exit();

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, only: { type: 'string' } },
});
const endAt = performance.now() + Number(values.minutes) * 60_000;
const names = podLookups(2000, 1).flat();

const network = await SoakNetwork.lay();
const upstream = await SoakUpstream.start(network);
let daemon = await SoakedDaemon.start(upstream.target, network.hasLinks);
const totals = { asked: 0, lost: 0, rcodes: {} as Record<string, number> };
const disturbances: Record<string, number> = {};

await mixedLoad(WARM_UP_SECONDS);
await sleep(REST_SECONDS * 1000);
const before = await daemon.vitals();
say(`start: ${show(before)}`);

const flaps = network.hasLinks ? (['upstream link flap', 'interface flap'] as const) : [];
if (flaps.length === 0) say('links stay up: that they do not needs root');
const plan = ['nothing', 'reload', 'upstream restart', 'take-over', ...flaps] as const;
for (let step = 0; performance.now() < endAt; step++) {
  const what = values.only ?? plan[step % plan.length];
  disturbances[what] = (disturbances[what] ?? 0) + 1;
  const load = mixedLoad(STEP_SECONDS);
  await sleep((STEP_SECONDS * 1000) / 3);
  if (what === 'reload') await daemon.reload();
  if (what === 'upstream restart') await upstream.restart();
  if (what === 'take-over') daemon = await daemon.takeOver();
  if (what === 'upstream link flap') await network.flapUplink();
  if (what === 'interface flap') await network.flapInterface(INTERFACE);
  const results = await load;
  say(`${what}: ${results.map(showLoad).join(' | ')}; ${show(await daemon.vitals())}`);
}

await sleep(REST_SECONDS * 1000);
const after = await daemon.vitals();
const growth = findGrowth(before, after);
say(`disturbances: ${JSON.stringify(disturbances)}`);
say(`asked ${totals.asked}, lost ${totals.lost}, by code ${JSON.stringify(totals.rcodes)}`);
say(`start: ${show(before)}`);
say(`end:   ${show(after)}`);
say(growth.length === 0 ? 'nothing has grown' : `HAS GROWN: ${growth.join('; ')}`);
await daemon.stop();
upstream.stop();
network.close();
process.exitCode = growth.length === 0 ? 0 : 1;

/** Pods' look-ups, names in the cache, and names that nobody asked before, from an address each. */
async function mixedLoad(seconds: number): Promise<Steady[]> {
  const { port } = daemon;
  let i = 0;
  const results = await Promise.all([
    askSteadily({
      address: '127.0.2.1',
      port,
      perSecond: 400,
      seconds,
      name: () => names[i++ % names.length].name,
    }),
    askSteadily({
      address: '127.0.2.2',
      port,
      perSecond: 400,
      seconds,
      name: (id) => `n${id % 300}.test`,
    }),
    askSteadily({
      address: '127.0.2.3',
      port,
      perSecond: 100,
      seconds,
      name: () => `m${process.hrtime.bigint()}.test`,
    }),
    daemon.askOverTcp(seconds),
    ...(network.hasLinks ? [throughInterface(seconds)] : []),
  ]);
  for (const { latenciesMs, lost, rcodes } of results) {
    totals.asked += latenciesMs.length + lost;
    totals.lost += lost;
    for (const [rcode, count] of Object.entries(rcodes)) {
      totals.rcodes[rcode] = (totals.rcodes[rcode] ?? 0) + count;
    }
  }
  return results;
}

/** Names in the cache, asked at the address that is only ours. */
function throughInterface(seconds: number): Promise<Steady> {
  return askSteadily({
    ...{ address: '0.0.0.0', server: LOCAL_IP, port: daemon.port, perSecond: 50, seconds },
    name: (id) => `n${id % 300}.test`,
  });
}

function showLoad({ latenciesMs, lost, rcodes }: Steady): string {
  return `p99 ${percentile(latenciesMs, 99).toFixed(1)} ms, ${lost} lost, ${JSON.stringify(rcodes)}`;
}

function show(vitals: Vitals): string {
  return Object.entries(vitals)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function say(text: string): void {
  console.log(`${new Date().toISOString()} ${text}`);
}
