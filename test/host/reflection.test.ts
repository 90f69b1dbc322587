/** A pod that asks in another machine's name: what that machine gets, and what it never gets. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Cluster, KUBE_DNS, KUBE_DNS_UPSTREAM } from './harness/cluster.ts';
import { NODE, until } from './harness/command.ts';
import { Daemon } from './harness/daemon.ts';

const NODE_ADDRESS = '10.244.1.1';
/** On the servers' machine; nobody listens at VICTIM_PORT there. */
const VICTIM = '10.244.2.5';
const VICTIM_PORT = 4000;
const QUERIES = 100;
/** Until all that is under way has come. */
const SETTLE_MS = 500;

/** Says how many datagrams came, and the octets of the largest and of all, once a line. */
const COUNT = `
const socket = require('node:dgram').createSocket('udp4');
const seen = { count: 0, largest: 0, total: 0 };
socket.on('message', ({ length }) => {
  seen.count++;
  seen.total += length;
  seen.largest = Math.max(seen.largest, length);
});
socket.bind(${VICTIM_PORT}, '${VICTIM}', () => console.log('ready'));
setInterval(() => console.log(JSON.stringify(seen)), 100);
`;

/** Sends queries for a name with a large answer, and as many replies, from the victim's address. */
const ASK = `
const socket = require('node:dgram').createSocket('udp4');
const name = Buffer.from('${['big', 'test'].map((label) => `${String.fromCharCode(label.length)}${label}`).join('')}\\0');
const message = (id, flags) => {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, name, Buffer.from([0, 1, 0, 1])]);
};
socket.bind(${VICTIM_PORT}, '${VICTIM}', async () => {
  for (let i = 0; i < Number(process.argv[1]); i++) {
    for (const flags of [0x0100, 0x8180]) {
      await new Promise((done) => socket.send(message(i, flags), 53, '${NODE_ADDRESS}', done));
    }
  }
  socket.close();
});
`;

/** Forty addresses: 640 octets and more. */
const HOSTS = Array.from({ length: 40 }, (_, i) => `10.1.0.${i} big.test`).join('\n        ');
const COREFILE = `.:53 {
    bind ${NODE_ADDRESS}
    hosts {
        ${HOSTS}
    }
    forward . ${KUBE_DNS_UPSTREAM}
}
`;

let cluster: Cluster;

afterEach(async () => {
  await cluster?.destroy();
});

test('each forged query sends one datagram of 512 octets at most, each forged reply none', async () => {
  cluster = await Cluster.create();
  const { pod, node, servers } = cluster;
  const flags = ['-setupinterface=false', '-setupiptables=false', '-localip', KUBE_DNS];
  const daemon = Daemon.launch(cluster, flags, COREFILE);
  const isServing = () => cluster.dig(pod, NODE_ADDRESS, 'big.test', '+tcp') !== '';
  await until('an answer for the pod', isServing).catch((cause) => {
    throw new Error(`${cause.message}\n${daemon.output}`);
  });
  servers.ip('address', 'add', `${VICTIM}/24`, 'dev', 'eth0');
  pod.ip('address', 'add', `${VICTIM}/32`, 'dev', 'lo');
  // A node that lets it pass: many do, and the CNI may be all there is against it.
  for (const link of ['all', 'to-pod'])
    node.run('sysctl', '-qw', `net.ipv4.conf.${link}.rp_filter=0`);
  const counting = servers.start([NODE, '-e', COUNT]);
  await until('the victim', () => counting.output().includes('ready'));

  const seen = () =>
    JSON.parse(counting.output().trim().split('\n').at(-1)?.replace('ready', '') || '{}');
  // The node asks for the victim's MAC address first, and keeps few datagrams meanwhile.
  await until('the first', () => {
    pod.run(NODE, '-e', ASK, '1');
    return seen().count >= 1;
  });
  await sleep(SETTLE_MS);
  const before = seen().count;
  pod.run(NODE, '-e', ASK, `${QUERIES}`);
  // Nobody sends again what is lost, so nearly all will do.
  await until('nearly all', () => seen().count >= before + 0.9 * QUERIES).catch((cause) => {
    throw new Error(`${cause.message}: ${before}, then ${JSON.stringify(seen())}`);
  });
  // Had the forged replies been answered, there would be as many again.
  await sleep(SETTLE_MS);
  expect(seen().count).toBeLessThanOrEqual(before + QUERIES);
  expect(seen().largest).toBeLessThanOrEqual(512);
  expect(seen().largest).toBeGreaterThan(100);
  await daemon.stop();
});
