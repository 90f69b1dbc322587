import { setTimeout as sleep } from 'node:timers/promises';
import { ControlError } from '../../control/control-error.ts';
import type { NodeState, Setup } from '../../control/protocol.ts';
import {
  askOnce,
  type Command,
  type CommandModules,
  type CommandWords,
  JSON_OPTION,
  PID_OPTION,
  UsageError,
} from '../command.ts';
import { checkConntrack } from '../doctor/check-conntrack.ts';
import { checkDaemon } from '../doctor/check-daemon.ts';
import { checkInterface } from '../doctor/check-interface.ts';
import { checkPath, checkSearchLists, checkTraffic } from '../doctor/check-path.ts';
import { checkPod } from '../doctor/check-pod.ts';
import { checkPorts } from '../doctor/check-ports.ts';
import { checkRules } from '../doctor/check-rules.ts';
import { checkResolvConf, checkUpstreams } from '../doctor/check-upstreams.ts';
import type { Check, Examination, Finding, Level } from '../doctor/examination.ts';
import { realNode } from '../doctor/real-node.ts';
import { textTable } from '../text-table.ts';

/** Along the road of a query. */
const CHECKS: readonly Check[] = [
  checkDaemon,
  checkInterface,
  checkRules,
  checkConntrack,
  checkPorts,
  checkPath,
  checkPod,
  checkTraffic,
  checkUpstreams,
  checkResolvConf,
  checkSearchLists,
];

const EXIT_STATUS: Readonly<Record<Level, number>> = { good: 0, note: 0, warning: 1, fault: 2 };
const MARKS: Readonly<Record<Level, string>> = { good: 'ok', note: '-', warning: '!', fault: '!!' };
/** How long traffic is watched. */
const WATCH_MS = 1500;

/** `doctor`: what is wrong on this node, and what to do. */
export const doctor: Command = {
  name: 'doctor',
  summary: 'what is wrong on this node, and what to do',
  parameters: '',
  count: { min: 0, max: 0 },
  options: [
    {
      name: 'pod-pid',
      kind: 'string',
      fallback: '',
      usage:
        'look from the pod of this process too; without it from one that asks this cache, if one can be seen',
    },
    JSON_OPTION,
    PID_OPTION,
  ],
  takesDaemonFlags: true,
  help: 'Follows the road of a query over this node and says in plain words what is wrong and what to do:\nthe daemon, its interface and lease, the rules and their counters, connection tracking, who owns the\nport, whether the local addresses answer, on the node and from a pod, whether queries come in, the\nupstreams over UDP and TCP, resolv.conf, search lists. Changes nothing. Works without a running daemon too; then it takes the\ndaemon’s flags. Exit status: 0 all is well, 1 there are warnings, 2 something is broken.',
  examples: [
    ['doctor', 'on the node, or with kubectl exec in the daemon’s pod'],
    ['doctor -localip 169.254.20.10,10.96.0.10', 'where no daemon runs'],
    ['doctor --pod-pid 4711', 'from the pod of process 4711 too: as root of the node'],
    ['doctor --json', 'for a script: findings, each with subject, level, text and advice'],
  ],
  async run(words, modules) {
    const examination = await examine(words, modules);
    const findings: Finding[] = [];
    for (const check of CHECKS) findings.push(...(await check(examination)));
    const status = Math.max(...findings.map(({ level }) => EXIT_STATUS[level]));
    modules.write(
      words.isSet('json')
        ? `${JSON.stringify({ status, findings }, null, 2)}\n`
        : findingsText(findings, status),
    );
    return status;
  },
};

async function examine(words: CommandWords, modules: CommandModules): Promise<Examination> {
  const { state, stateError } = await askState(words, modules);
  let stateLater: NodeState | null = null;
  if (state !== null) {
    await sleep(WATCH_MS);
    stateLater = (await askState(words, modules)).state;
  }
  const setup = state?.setup ?? setupOf(words);
  return { ...realNode, state, stateError, stateLater, setup, podPid: readPodPid(words) };
}

/** Throws UsageError. */
function readPodPid(words: CommandWords): number | null {
  const text = words.value('pod-pid');
  if (text === '') return null;
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is no process ID`);
}

async function askState(
  words: CommandWords,
  modules: CommandModules,
): Promise<Pick<Examination, 'state' | 'stateError'>> {
  try {
    const state = await askOnce<NodeState>({ command: 'state' }, words, modules);
    return { state, stateError: '' };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return { state: null, stateError: error.message };
  }
}

/** What a daemon with these flags would do. */
function setupOf({ daemonFlags }: CommandWords): Setup {
  if (daemonFlags === null) throw new Error('doctor takes the daemon’s flags');
  return daemonFlags;
}

function findingsText(findings: readonly Finding[], status: number): string {
  const rows = findings.flatMap(({ subject, level, text, advice }) => [
    [MARKS[level], subject, text],
    ...(advice === '' ? [] : [['', '', `→ ${advice}`]]),
  ]);
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const verdict =
    status === 0
      ? 'All is well.'
      : `${count('fault')} faults, ${count('warning')} warnings; lines with → say what to do.`;
  return `${textTable(rows)}\n${verdict}\n`;
}
