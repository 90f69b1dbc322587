/** Replies that leave as one message (decision 0013), on their way through rules and veth to a pod. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, FROM_CACHE, KUBE_DNS, LINK_LOCAL, WHO } from './harness/cluster.ts';
import { isUml, NODE, slowness, until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';

const BURST = new URL('harness/burst.ts', import.meta.url).pathname;
const COUNT = 48;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.create();
});
afterAll(async () => {
  await cluster?.destroy();
});

/** Packets that went out to the pod; a message that is cut only there counts once. */
function packetsToPod(): number {
  const [{ stats64 }] = JSON.parse(cluster.node.ip('-s', '-j', 'link', 'show', 'to-pod'));
  return stats64.tx.packets;
}

/** Has the pod ask while the daemon stands still, so that all replies are ready at the same time. */
async function burst(
  daemon: Daemon,
  address: string,
): Promise<{ answers: number; packets: number }> {
  expect(cluster.who(address)).toBe(FROM_CACHE);
  const patienceMs = 5000 * slowness;
  const asker = cluster.pod.start([NODE, BURST, address, WHO, `${COUNT}`, `${patienceMs}`]);
  await until('the pod being ready', () => asker.output().includes('ready'));
  const before = packetsToPod();
  process.kill(daemon.pid, 'SIGSTOP');
  asker.child.kill('SIGUSR2');
  await until('the pod having asked', () => asker.output().includes('asked'));
  await sleep(50 * slowness);
  process.kill(daemon.pid, 'SIGCONT');
  await asker.ended;
  const answers = Number(/^\d+$/m.exec(asker.output())?.[0]);
  return { answers, packets: packetsToPod() - before };
}

/** The way of the replies is the same for both addresses. */
const ADDRESSES = isUml ? [LINK_LOCAL] : [LINK_LOCAL, KUBE_DNS];

test.each(ADDRESSES)('a pod gets all that leave %s as a few', async (address) => {
  const daemon = await Daemon.start(cluster);
  const { answers, packets } = await burst(daemon, address);
  expect(answers).toBe(COUNT);
  expect(packets).toBeLessThan(COUNT / 2);
  await daemon.stop();
});

test.skipIf(isUml)('-udpsegments=false sends each alone', async () => {
  const daemon = await Daemon.start(cluster, ['-udpsegments=false']);
  const { answers, packets } = await burst(daemon, LINK_LOCAL);
  expect(answers).toBe(COUNT);
  expect(packets).toBeGreaterThanOrEqual(COUNT);
  await daemon.stop();
});
