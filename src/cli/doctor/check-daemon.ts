import { ageText } from '../text-table.ts';
import { type Check, type Finding, fault, good, note, warning } from './examination.ts';

const MINUTE_MS = 60_000;
const RECENT_MS = 10 * MINUTE_MS;
const MEMORY_LIMIT_PATHS = [
  '/sys/fs/cgroup/memory.max',
  '/sys/fs/cgroup/memory/memory.limit_in_bytes',
];
/** Above this share of its limit the next peak may be the end of the process. */
const MEMORY_SHARE = 0.8;

/** Whether the daemon runs, has room, and what it complained about. */
export const checkDaemon: Check = async ({ state, stateError, read }) => {
  if (state === null) {
    return [
      fault(
        'daemon',
        stateError,
        'run this in the daemon’s pod; if the pod restarts, see its last words: kubectl logs --previous',
      ),
    ];
  }
  const { version, pid, uptimeSeconds, memoryOctets, problems, nowMs } = state;
  const findings: Finding[] = [
    good('daemon', `${version} runs as process ${pid} since ${ageText(uptimeSeconds)}`),
  ];
  const limit = memoryLimit(read);
  if (limit !== null && memoryOctets > MEMORY_SHARE * limit) {
    findings.push(
      warning(
        'memory',
        `${mib(memoryOctets)} of ${mib(limit)} MiB are in use`,
        'raise resources.limits.memory in the DaemonSet: the kernel ends a process that reaches its limit',
      ),
    );
  }
  const recent = problems.filter(({ atMs }) => nowMs - atMs < RECENT_MS).slice(0, 3);
  for (const { text, times, plugin } of recent) {
    const who = plugin === '' ? '' : `${plugin}: `;
    findings.push(note('complaints', `${times > 1 ? `${times} times: ` : ''}${who}${text}`));
  }
  return findings;
};

function memoryLimit(read: (path: string) => string | null): number | null {
  for (const path of MEMORY_LIMIT_PATHS) {
    const octets = Number(read(path) ?? Number.NaN);
    if (Number.isFinite(octets) && octets > 0 && octets < 2 ** 50) return octets;
  }
  return null;
}

function mib(octets: number): number {
  return Math.round(octets / 1024 / 1024);
}
