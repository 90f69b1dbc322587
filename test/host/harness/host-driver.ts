/** Starts harness/driver.ts, the node's side without the DNS server, on a cluster's node. */
import type { InterceptionOptions } from '../../../src/host/interception.ts';
import { type Cluster, KUBE_DNS, LINK_LOCAL } from './cluster.ts';
import { NODE, until } from './command.ts';
import type { Running } from './namespace.ts';

/** uml.sh makes one file of it, which starts much sooner. */
const PROGRAM = process.env.HOST_TEST_DRIVER ?? new URL('driver.ts', import.meta.url).pathname;

/** Starts it; returns at once. */
export function launchDriver(
  cluster: Cluster,
  options: Partial<InterceptionOptions> = {},
  environment: Record<string, string> = {},
  before: readonly string[] = [],
): Running {
  const { node } = cluster;
  // The driver's plain sockets bind before the addresses exist.
  node.run('sysctl', '-qw', 'net.ipv4.ip_nonlocal_bind=1', 'net.ipv6.ip_nonlocal_bind=1');
  const all = { localIps: [LINK_LOCAL, KUBE_DNS], ...options };
  const command = [...before, NODE, PROGRAM, JSON.stringify(all)];
  return node.start(command, environment);
}

/** Starts it and waits until it intercepts as far as it can without rules. */
export async function startDriver(...args: Parameters<typeof launchDriver>): Promise<Running> {
  const running = launchDriver(...args);
  const isEngaged = () => running.output().includes('\nengaged');
  await until('the driver intercepting', isEngaged).catch((cause) => {
    throw new Error(`${cause.message}\n${running.output()}`);
  });
  return running;
}

/** Starts it and waits until it holds all its addresses. */
export async function startIntercepting(
  ...args: Parameters<typeof launchDriver>
): Promise<Running> {
  const running = await startDriver(...args);
  const [cluster, { localIps = [LINK_LOCAL, KUBE_DNS] } = {}] = args;
  const shown = () => cluster.node.try('ip', 'addr', 'show', 'nodelocaldns').stdout;
  await until('all addresses', () => localIps.every((ip) => shown().includes(` ${ip}/`)));
  return running;
}

/** Ends it as kubelet does; gives what it said in all. */
export async function stopDriver(running: Running): Promise<string> {
  running.child.kill('SIGTERM');
  await running.ended;
  return running.output();
}
