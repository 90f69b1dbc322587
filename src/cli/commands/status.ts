import type { Durations, NodeState } from '../../control/protocol.ts';
import { askOnce, type Command, JSON_OPTION, PID_OPTION } from '../command.ts';
import { ageText, durationText, shortNumber, textTable } from '../text-table.ts';

/** `status`: how the daemon is doing, on one screen. */
export const status: Command = {
  name: 'status',
  summary: 'how the running daemon is doing',
  parameters: '',
  count: { min: 0, max: 0 },
  options: [JSON_OPTION, PID_OPTION],
  help: 'Shows where the daemon listens, how the interception stands, how its upstreams and caches are,\nand what it complained about lately. `doctor` says what of this is wrong and what to do.',
  examples: [
    ['status', 'on the node, or with kubectl exec in the daemon’s pod'],
    ['status --json | jq .upstreams', 'one part of it, for a program'],
  ],
  async run(words, modules) {
    const state = await askOnce<NodeState>({ command: 'state' }, words, modules);
    modules.write(words.isSet('json') ? `${JSON.stringify(state, null, 2)}\n` : stateText(state));
    return 0;
  },
};

function stateText(state: NodeState): string {
  const { version, pid, uptimeSeconds, memoryOctets, counts } = state;
  const mib = Math.round(memoryOctets / 1024 / 1024);
  const { requests, hits, misses } = counts;
  const ratio =
    hits + misses === 0 ? '' : `, ${shortNumber((100 * hits) / (hits + misses))} % hits`;
  return [
    `nodelocaldns ${version}, process ${pid}, up ${ageText(uptimeSeconds)}, ${mib} MiB\n`,
    `Queries        ${shortNumber(requests)}${ratio}\n`,
    `Answered in    hits ${percentiles(counts.hitDurations)}; others ${percentiles(counts.missDurations)}\n`,
    `Responses      ${rcodesText(counts.rcodes)}\n`,
    `Interception   ${interceptionText(state)}\n`,
    ...happened('Lease ended', counts.leaseExpiries),
    ...happened('Put back', counts.repairs),
    ...happened('Searches', counts.wastedSearches, 'in vain'),
    `Corefile       ${state.corefile.path}\n`,
    `\nListeners\n${textTable(state.listeners.map(listenerRow), '  ')}`,
    `\nUpstreams\n${textTable(state.upstreams.map(upstreamRow), '  ')}`,
    `\nCaches\n${textTable(state.caches.map(cacheRow), '  ')}`,
    problemsText(state),
  ].join('');
}

function rcodesText(rcodes: Readonly<Record<string, number>>): string {
  const parts = Object.entries(rcodes).map(([rcode, count]) => `${shortNumber(count)} ${rcode}`);
  return parts.join(', ') || 'none yet';
}

/** A line about what is not there when all is well: `Put back       rules 2 times`. */
function happened(
  title: string,
  counts: Readonly<Record<string, number>>,
  unit = 'times',
): string[] {
  const parts = Object.entries(counts).map(
    ([what, count]) => `${what} ${shortNumber(count)} ${unit}`,
  );
  return parts.length === 0 ? [] : [`${title.padEnd(15)}${parts.join(', ')}\n`];
}

/** What is intercepted, in a sentence. */
export function interceptionText({ setup, interception }: NodeState): string {
  if (!setup.setupInterface) return 'none: -setupinterface=false';
  const { held, ruled, rulesBackend } = interception;
  if (held.length === 0) return `none: ${setup.interfaceName} has no address of ours`;
  const lease = setup.leaseMs === 0 ? 'without a lease' : `leased for ${setup.leaseMs / 1000} s`;
  const rules = setup.setupRules
    ? `rules (${rulesBackend || 'no backend'}) for ${ruled.join(', ') || 'none'}`
    : 'no rules wanted';
  return `${held.join(', ')} on ${setup.interfaceName}, ${lease}; ${rules}`;
}

function listenerRow({ address, port, zones, received, inFlight }: NodeState['listeners'][number]) {
  const where = `${address === '' ? '*' : address}:${port}`;
  return [where, `${shortNumber(received)} queries`, `${inFlight} waiting`, zones.join(' ')];
}

function upstreamRow(upstream: NodeState['upstreams'][number]): string[] {
  const { to, health, roundTripMs, sent, overdue, failedChecks } = upstream;
  return [
    to,
    health,
    roundTripMs === null ? 'not measured' : durationText(roundTripMs),
    `${shortNumber(sent)} asked`,
    overdue > 0 ? `${shortNumber(overdue)} overdue` : '',
    failedChecks > 0 ? `${shortNumber(failedChecks)} failed checks` : '',
  ];
}

function cacheRow({ name, successes, denials }: NodeState['caches'][number]): string[] {
  return [name, `${shortNumber(successes)} answers`, `${shortNumber(denials)} denials`];
}

function problemsText({ problems, nowMs }: NodeState): string {
  if (problems.length === 0) return '';
  const lines = problems.slice(0, 5).map(({ atMs, level, plugin, text, times }) => {
    const many = times > 1 ? ` (${times} times)` : '';
    return `  ${ageText((nowMs - atMs) / 1000)} ago: ${level}${plugin && ` ${plugin}`}: ${text}${many}\n`;
  });
  return `\nComplaints\n${lines.join('')}`;
}

/** `p50 20 µs, p99 50 µs`: upper bounds of the buckets that they fall into. */
function percentiles(durations: Durations): string {
  const total = durations.counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 'none yet';
  const bound = (share: number) => {
    let below = 0;
    const bucket = durations.counts.findIndex((count) => {
      below += count;
      return below >= share * total;
    });
    const seconds = durations.bounds[bucket];
    return seconds === undefined ? 'more than 5 s' : `≤ ${durationText(seconds * 1000)}`;
  };
  return `p50 ${bound(0.5)}, p99 ${bound(0.99)}`;
}
