import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeState, TopEntry, TopView } from '../../control/protocol.ts';
import { askOnce, type Command, JSON_OPTION, PID_OPTION, UsageError } from '../command.ts';
import { durationText, shortNumber, textTable } from '../text-table.ts';

const INTERVAL_MS = 1000;
const DEFAULT_ROWS = 24;
const DEFAULT_COLUMNS = 100;
/** Control sequences (ECMA-48): to the upper left corner; erase to the end of the line, of the screen. */
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_REST = '\x1b[J';
/** Lines of a screen that are not lists. */
const HEAD_LINES = 6;

/** `top`: who asks what, live. */
export const top: Command = {
  name: 'top',
  summary: 'who asks what: names, clients, types, upstreams, live',
  parameters: '',
  count: { min: 0, max: 0 },
  options: [
    {
      name: 'n',
      kind: 'string',
      fallback: '',
      usage: 'end after this many screens; without it go on until interrupted',
    },
    JSON_OPTION,
    PID_OPTION,
  ],
  help: 'Shows the names that are asked for most, who asks, for which types, the suffixes of names that do\nnot exist (what search lists waste), and the upstreams. The daemon looks at a sample of the queries,\nonly while somebody watches; rates are those of the last 10 seconds.',
  examples: [
    ['top', 'live; end it with Ctrl-C'],
    ['top -n 1 --json', 'one view, for a program'],
  ],
  async run(words, modules) {
    const screens = readScreens(words.value('n'));
    const upstreams = new UpstreamRates();
    const before = await askOnce<NodeState>({ command: 'state' }, words, modules);
    const { pid } = before;
    upstreams.next(before);
    // The first look begins the watch.
    await askOnce<TopView>({ command: 'top' }, words, modules, pid);
    for (let screen = 0; screen < screens; screen++) {
      await sleep(INTERVAL_MS);
      const view = await askOnce<TopView>({ command: 'top' }, words, modules, pid);
      const state = await askOnce<NodeState>({ command: 'state' }, words, modules, pid);
      const rates = upstreams.next(state);
      modules.write(
        words.isSet('json')
          ? `${JSON.stringify({ ...view, upstreams: rates })}\n`
          : shown(screenText(view, rates), modules.isTerminal),
      );
    }
    return 0;
  },
};

function readScreens(text: string): number {
  if (text === '') return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is no number of screens`);
}

/** An upstream, and how often it is asked. */
interface UpstreamRate {
  readonly to: string;
  readonly health: string;
  readonly perSecond: number;
  readonly roundTripMs: number | null;
}

/** Rates from one state to the next. */
class UpstreamRates {
  #before: NodeState | null = null;

  next(state: NodeState): UpstreamRate[] {
    const before = this.#before;
    this.#before = state;
    const seconds = before === null ? state.uptimeSeconds : (state.nowMs - before.nowMs) / 1000;
    return state.upstreams.map(({ to, health, sent, roundTripMs }) => {
      const sentBefore = before?.upstreams.find((known) => known.to === to)?.sent ?? 0;
      const perSecond = Math.max(0, sent - sentBefore) / Math.max(seconds, 0.001);
      return { to, health, perSecond, roundTripMs };
    });
  }
}

/** On a terminal each screen is written over the one before, which does not flicker, and fits. */
function shown(screen: string, isTerminal: boolean): string {
  if (!isTerminal) return screen;
  const { rows, columns } = screenSize();
  const lines = screen
    .trimEnd()
    .split('\n')
    .slice(0, rows - 1);
  const text = lines.map((line) => `${line.slice(0, columns - 1)}${ERASE_LINE}\n`).join('');
  return HOME + text + ERASE_REST;
}

/** As it is now: windows change their size. */
function screenSize(): { rows: number; columns: number } {
  const { rows = DEFAULT_ROWS, columns = DEFAULT_COLUMNS } = process.stdout;
  return { rows, columns };
}

function screenText(view: TopView, upstreams: readonly UpstreamRate[]): string {
  const { rows, columns } = screenSize();
  const { queriesPerSecond, sampledOneIn, watchedSeconds } = view;
  const sampled = sampledOneIn === 1 ? 'all looked at' : `one in ${sampledOneIn} looked at`;
  const head = `${shortNumber(queriesPerSecond)} queries a second, ${sampled}, for ${Math.round(watchedSeconds)} s\n`;
  const height = Math.max(3, Math.floor((rows - HEAD_LINES - upstreams.length) / 2) - 1);
  const half = Math.floor(columns / 2) - 2;
  return [
    head,
    `\n${beside(list('Names', view.names, height, half), list('Clients', view.clients, height, half), half)}`,
    `\n${beside(list('Names that do not exist, by suffix', view.missingSuffixes, height, half), list('Types', view.types, height, half), half)}`,
    `\n${textTable(upstreams.map(upstreamRow))}`,
  ].join('');
}

function upstreamRow({ to, health, perSecond, roundTripMs }: UpstreamRate): string[] {
  const trip = roundTripMs === null ? '' : durationText(roundTripMs);
  return [to, health, `${shortNumber(perSecond)}/s`, trip];
}

/** Lines of a list that is `width` wide. */
function list(
  title: string,
  entries: readonly TopEntry[],
  height: number,
  width: number,
): string[] {
  const lines = entries.slice(0, height).map(({ key, perSecond }) => {
    const rate = shortNumber(perSecond).padStart(7);
    const room = Math.max(8, width - rate.length - 1);
    return `${rate} ${key.length > room ? `${key.slice(0, room - 1)}…` : key}`;
  });
  return [title, ...lines];
}

function beside(left: readonly string[], right: readonly string[], width: number): string {
  const height = Math.max(left.length, right.length);
  let text = '';
  for (let row = 0; row < height; row++) {
    text += `${`${(left[row] ?? '').padEnd(width)}  ${right[row] ?? ''}`.trimEnd()}\n`;
  }
  return text;
}
