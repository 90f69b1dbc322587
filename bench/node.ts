/**
 * The daemon on the node of a cluster in network namespaces, with interface, rules, lease and the
 * stock Corefile: its start and what it costs at rest. `node bench/node.ts`, as root, after a build.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, LINK_LOCAL, WHO } from '../test/host/harness/cluster.ts';
import { NODE, until } from '../test/host/harness/command.ts';
import { Daemon } from '../test/host/harness/daemon.ts';

const STARTS = 7;
const REST_SECONDS = Number(process.argv[2] ?? 60);
/** V8 compiles what it sees again and again, and collects what the start has left. */
const SETTLE_SECONDS = 60;
/** Kernel ticks of /proc/PID/stat in a second. */
const TICKS_PER_SECOND = 100;
const ASKER = new URL('load/first-answer.ts', import.meta.url).pathname;

const cluster = await Cluster.create();
try {
  // kubelet's mark, on every node: the daemon finds by it which iptables is in use.
  cluster.node.run(`iptables-${cluster.iptables}`, '-t', 'mangle', '-N', 'KUBE-KUBELET-CANARY');
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) starts.push(await timeStart());
  starts.sort((a, b) => a - b);
  console.log(`first answer: median ${starts[STARTS >> 1]} ms of ${starts.join(', ')}`);
  await measureRest();
} finally {
  await cluster.destroy();
}

/** From `ip netns exec`, a shell and the daemon to the first answer, with its interface and rules. */
async function timeStart(): Promise<number> {
  const asker = cluster.node.start([NODE, ASKER, LINK_LOCAL, WHO]);
  await until('the asker asking', () => asker.output().includes('asking'));
  const startedAtMs = performance.timeOrigin + performance.now();
  const daemon = Daemon.launch(cluster);
  await asker.ended;
  const answeredAtMs = Number(asker.output().split('\n')[1]);
  await daemon.untilServing();
  await daemon.stop();
  return Math.round(answeredAtMs - startedAtMs);
}

/** The share of a core, and the memory, of a daemon that nobody asks. */
async function measureRest(): Promise<void> {
  const daemon = await Daemon.start(cluster);
  await sleep(SETTLE_SECONDS * 1000);
  const before = cpuTicks(daemon.pid);
  await sleep(REST_SECONDS * 1000);
  const seconds = (cpuTicks(daemon.pid) - before) / TICKS_PER_SECOND;
  const memory = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'));
  console.log(`at rest: ${((100 * seconds) / REST_SECONDS).toFixed(2)} % of a core`);
  console.log(`memory: ${(Number(memory?.[1]) / 1024).toFixed(1)} MiB`);
  await daemon.stop();
}

/** User and system time, also of children that have ended (proc_pid_stat(5), fields 14 to 17). */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}
