/**
 * The page at `/` of the metrics address: asks for the state every two seconds and shows it. Runs in
 * the browser; scripts/build-page.ts puts it into one file with its style and its plots.
 */
import type { NodeState, TopEntry, TopView } from '../control/protocol.ts';
import { Plot } from './plot.ts';
import { type Latency, type Sample, sampleBetween } from './sample.ts';

/** What `/state.json` holds. */
interface PageState {
  readonly state: NodeState;
  readonly top: TopView;
}

const INTERVAL_MS = 2000;
const SHOWN = 10;
/** Seconds to milliseconds. */
const MS = 1000;

const labels = ['hits', 'others'];
const rates = new Plot(element('rates'), { labels, format: number, isLogarithmic: false });
const latency = new Plot(element('latency'), { labels, format: duration, isLogarithmic: true });
let before: NodeState | null = null;

void refresh();

/** One round, and the next one when it is over: a slow daemon is not asked twice at a time. */
async function refresh(): Promise<void> {
  try {
    const response = await fetch('state.json');
    if (!response.ok) throw new Error(`status ${response.status}`);
    show((await response.json()) as PageState);
  } catch (error) {
    element('subtitle').textContent = `the daemon does not answer: ${String(error)}`;
    element('subtitle').className = 'bad';
  }
  setTimeout(refresh, INTERVAL_MS);
}

function show({ state, top }: PageState): void {
  const isSame = before?.pid === state.pid;
  const sample = isSame && before !== null ? sampleBetween(before, state) : null;
  before = state;
  if (sample !== null) {
    rates.add(state.nowMs / MS, [sample.hitsPerSecond, sample.othersPerSecond]);
    latency.add(state.nowMs / MS, [sample.hitLatency.p99, sample.otherLatency.p99]);
  }
  const listeners = state.listeners.map(({ address, port }) => `${address || '*'}:${port}`);
  element('subtitle').className = '';
  element('subtitle').textContent =
    `${state.version}, process ${state.pid}, up ${duration(state.uptimeSeconds)}, ` +
    `${Math.round(state.memoryOctets / 2 ** 20)} MiB, at ${listeners.join(', ')}`;
  showTiles(state, sample);
  showTables(state, top);
}

function showTiles({ counts, upstreams }: NodeState, sample: Sample | null): void {
  const { hits, misses } = counts;
  const well = upstreams.filter(({ health }) => health === 'well' || health === 'unused').length;
  const tiles: [string, string][] = [
    [sample === null ? '…' : number(sample.hitsPerSecond + sample.othersPerSecond), 'queries/s'],
    [hits + misses === 0 ? '–' : `${number((100 * hits) / (hits + misses))} %`, 'from the cache'],
    [latencyText(sample?.hitLatency), 'median of hits'],
    [latencyText(sample?.otherLatency), 'median of others'],
    [`${well} of ${upstreams.length}`, 'upstreams well'],
    [number(counts.requests), 'queries so far'],
  ];
  element('tiles').replaceChildren(
    ...tiles.map(([value, label]) => {
      const tile = document.createElement('div');
      tile.append(withText('b', value), withText('span', label));
      return tile;
    }),
  );
}

function showTables(state: NodeState, top: TopView): void {
  const { setup, interception, counts } = state;
  table(
    'upstreams',
    state.upstreams.map(({ to, health, roundTripMs, sent, overdue }) => [
      to,
      withText('span', health, health === 'well' || health === 'unused' ? 'good' : 'bad'),
      roundTripMs === null ? '' : duration(roundTripMs / MS),
      `${number(sent)} asked${overdue > 0 ? `, ${number(overdue)} overdue` : ''}`,
    ]),
  );
  const isHeld = interception.held.length > 0;
  const lease = setup.leaseMs === 0 ? 'no lease' : `lease ${setup.leaseMs / MS} s`;
  table('interception', [
    ['Interface', setup.setupInterface ? `${setup.interfaceName}, ${lease}` : 'left alone'],
    [
      'Addresses held',
      withText('span', interception.held.join(', ') || 'none', isHeld ? 'good' : ''),
    ],
    ['Rules', setup.setupRules ? interception.rulesBackend || 'not known yet' : 'left alone'],
    ['Rules in place for', interception.ruled.join(', ') || 'none'],
    ['Lease ended', timesText(counts.leaseExpiries)],
    ['Put back', timesText(counts.repairs)],
  ]);
  table('names', topRows(top.names));
  table('clients', topRows(top.clients));
  table('suffixes', topRows(top.missingSuffixes));
  table(
    'problems',
    state.problems
      .slice(0, SHOWN)
      .map(({ atMs, text, times, plugin }) => [
        new Date(atMs).toLocaleTimeString(),
        `${plugin && `${plugin}: `}${text}`,
        times > 1 ? `${times} times` : '',
      ]),
  );
  const corefile = element('corefile');
  if (corefile.textContent !== state.corefile.text) corefile.textContent = state.corefile.text;
}

/** `rules 2 times`; `never`. */
function timesText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([what, count]) => `${what} ${number(count)} times`);
  return parts.join(', ') || 'never';
}

function topRows(entries: readonly TopEntry[]): string[][] {
  return entries.slice(0, SHOWN).map(({ key, perSecond }) => [key, `${number(perSecond)}/s`]);
}

function table(id: string, rows: readonly (readonly (string | Node)[])[]): void {
  const shown = rows.length > 0 ? rows : [['none']];
  element(id).replaceChildren(
    ...shown.map((cells) => {
      const row = document.createElement('tr');
      for (const cell of cells) {
        const data = document.createElement('td');
        data.append(cell);
        row.append(data);
      }
      return row;
    }),
  );
}

function withText(tag: string, text: string, className = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

function latencyText(latencyOf: Latency | undefined): string {
  return latencyOf === undefined || latencyOf.p50 === null ? '–' : duration(latencyOf.p50);
}

function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function duration(seconds: number): string {
  if (seconds >= 172_800) return `${Math.round(seconds / 86_400)} days`;
  if (seconds >= 7200) return `${Math.round(seconds / 3600)} h`;
  if (seconds >= 120) return `${Math.round(seconds / 60)} min`;
  if (seconds >= 1) return `${number(seconds)} s`;
  return seconds >= 0.001 ? `${number(seconds * MS)} ms` : `${number(seconds * MS * MS)} µs`;
}
