/** What a query costs while kube-dns' pods are replaced behind their service address. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  Cluster,
  FROM_CACHE,
  FROM_KUBE_DNS,
  KUBE_DNS_UPSTREAM,
  WHO,
} from '../host/harness/cluster.ts';
import { Daemon } from '../host/harness/daemon.ts';
import { startLoad } from '../host/harness/load.ts';
import { countAnswers, unixMs } from '../host/harness/load-summary.ts';

const isRoot = process.getuid?.() === 0;
const OLD_POD = '10.244.2.3';
const NEW_POD = '10.244.2.2';
const SERVER = '127.0.0.1';
/** `npm test` has less time. */
const SECONDS = process.env.FAULTS === 'short' ? 5 : 8;

let cluster: Cluster;

beforeEach(async () => {
  if (isRoot) cluster = await Cluster.create();
});
afterEach(async () => {
  await cluster?.destroy();
});

/** Every query is a miss: nothing is cached. */
const corefile = (option: string) => `.:53 {
    errors
    bind ${SERVER}
    forward . ${KUBE_DNS_UPSTREAM} {
        ${option}
    }
}
`;

/** As kube-proxy does when another pod is ready; tracked flows keep going to the old one. */
function replacePod(): void {
  for (const protocol of ['udp', 'tcp']) {
    const chain = `KUBE-SEP-${protocol.toUpperCase()}11`;
    const rule = ['-p', protocol, '-j', 'DNAT', '--to-destination', `${NEW_POD}:53`];
    cluster.node.run(`iptables-${cluster.iptables}`, '-t', 'nat', '-R', chain, '1', ...rule);
  }
  cluster.servers.run(`iptables-${cluster.iptables}`, '-I', 'INPUT', '-d', OLD_POD, '-j', 'DROP');
}

test.skipIf(!isRoot).each([
  ['udp', 'max_fails 2'],
  ['udp without health checks', 'max_fails 0'],
  ['tcp', 'force_tcp'],
])('over %s no query takes more than 500 ms, and all go to the new pod', async (way, option) => {
  const flags = ['-setupinterface=false', '-setupiptables=false'];
  const daemon = await Daemon.launch(cluster, flags, corefile(option)).untilServing();
  const { records } = startLoad(cluster.node, {
    server: SERVER,
    perSecond: 200,
    seconds: SECONDS,
    name: WHO,
  });
  await sleep(SECONDS * 500);
  const replacedMs = unixMs();
  replacePod();
  const all = await records;
  await daemon.stop();
  const slowestMs = Math.max(...all.map(({ tookMs }) => tookMs ?? Number.POSITIVE_INFINITY));
  const slow = all.filter(({ tookMs }) => tookMs === null || tookMs > 50).length;
  console.log(
    `${way}: ${all.length} asked, ${slow} took over 50 ms, the slowest ${slowestMs.toFixed(0)} ms`,
  );
  expect(countAnswers(all, 0, replacedMs - 100)).toMatchObject({ kubeDns: 0, lost: 0 });
  expect(countAnswers(all, replacedMs + 1000)).toMatchObject({ cache: 0, lost: 0 });
  expect(all.filter(({ answer }) => answer !== FROM_CACHE && answer !== FROM_KUBE_DNS)).toEqual([]);
  expect(slowestMs).toBeLessThan(500);
});
