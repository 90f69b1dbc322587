/**
 * A node on which systemd-resolved manages resolv.conf: /etc/resolv.conf names its stub, and the
 * servers that it asks itself are in a file below /run. Both files are put into the daemon's mount
 * namespace, so that it finds them where every node has them.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RESOLVED_LIST } from '../../src/forward/resolv-conf.ts';
import { NODE, until } from './harness/command.ts';
import { Namespace, type Running } from './harness/namespace.ts';

const BUNDLE =
  process.env.NODELOCALDNS_BUNDLE ??
  new URL('../../dist/nodelocaldns.js', import.meta.url).pathname;
/** Where the daemon listens. */
const OWN = '127.0.0.9';
/** Two servers that systemd-resolved may have been told of; the address of NAME tells which it was. */
const ONE = '127.0.0.2';
const TWO = '127.0.0.3';
const NAME = 'who.example.net';

const COREFILE = `.:53 {
    errors
    bind ${OWN}
    forward . /etc/resolv.conf
}
cluster.local:53 {
    bind ${OWN}
    whoami
}
`;

/** Ends as the daemon: `$1` its folder, with etc/resolv.conf and resolved/; `$2` the list's folder. */
const ON_SUCH_A_NODE = `
mount -t tmpfs none /run && mkdir -p "$2" && mount --bind "$1/resolved" "$2" || exit 90
mount --bind "$1/etc-resolv.conf" /etc/resolv.conf || exit 91
folder=$1; shift 2
cd "$folder" && exec "$@"
`;

let node: Namespace;
let daemon: Running;

beforeEach(async () => {
  node = new Namespace('resolved');
  mkdirSync(join(node.folder, 'resolved'));
  for (const [server, answer] of [
    [ONE, '192.0.2.1'],
    [TWO, '192.0.2.2'],
  ]) {
    const config = node.file(`unbound-${server}.conf`, unboundConfig(server, answer));
    node.start(['unbound', '-d', '-c', config]);
    await until(`${server} answering`, () => ask(server) === answer);
  }
});

afterEach(() => node.destroy());

/** The address of a name as a server gives it; '' when it gives none. */
function ask(server: string, name = NAME): string {
  const dig = ['dig', `@${server}`, '+short', '+time=1', '+tries=1'];
  return node.tryQuickly(...dig, name, 'A').stdout.trim();
}

/** Has systemd-resolved say which servers it asks. */
function writeList(text: string): void {
  // It writes a new file and renames it.
  writeFileSync(join(node.folder, 'resolved', '.next'), text);
  renameSync(join(node.folder, 'resolved', '.next'), join(node.folder, 'resolved', 'resolv.conf'));
}

async function start(resolvConf: string): Promise<void> {
  node.file('etc-resolv.conf', resolvConf);
  node.file('Corefile', COREFILE);
  const flags = ['-conf', 'Corefile', '-basecorefile', 'none', '-localip', OWN];
  const bare = ['-setupinterface=false', '-setupiptables=false', '-metrics-listen-address='];
  daemon = node.start([
    ...['sh', '-c', ON_SUCH_A_NODE, 'sh', node.folder, dirname(RESOLVED_LIST)],
    ...[NODE, BUNDLE, ...flags, ...bare],
  ]);
  await untilLogged('linux/');
}

async function untilLogged(text: string): Promise<void> {
  await until(`"${text}" in the log`, () => daemon.output().includes(text)).catch((cause) => {
    throw new Error(`${cause.message}\n${daemon.output()}`);
  });
}

async function untilAnswered(answer: string): Promise<void> {
  await until(`${NAME} being ${answer}`, () => ask(OWN) === answer).catch((cause) => {
    throw new Error(`${cause.message}\n${daemon.output()}`);
  });
}

describe.each([
  ['the stub of systemd-resolved', 'nameserver 127.0.0.53\noptions edns0 trust-ad\n', '127.0.0.53'],
  ['this server', `nameserver ${OWN}\n`, OWN],
  ['both', `nameserver 127.0.0.54\nnameserver ${OWN}\n`, `127.0.0.54, ${OWN}`],
])('with %s in /etc/resolv.conf', (_, resolvConf, omitted) => {
  test("the servers of systemd-resolved's own list are used, and followed", async () => {
    writeList(`nameserver ${ONE}\n`);
    await start(resolvConf);
    expect(ask(OWN), daemon.output()).toBe('192.0.2.1');
    expect(daemon.output()).toContain(
      `[WARNING] plugin/forward: /etc/resolv.conf: ${omitted} would lead back to this server, using the servers of ${RESOLVED_LIST}`,
    );
    writeList(`nameserver ${TWO}\n`);
    await untilAnswered('192.0.2.2');
  });

  test('without such a list it is said, the cluster is served, and the list is used when it comes', async () => {
    await start(resolvConf);
    expect(ask(OWN)).toBe('');
    expect(daemon.output()).toContain(
      `/etc/resolv.conf: ${omitted} would lead back to this server, no server is left: queries will fail`,
    );
    await untilLogged(
      `2 ${NAME}. A: no upstream to forward to: all servers of /etc/resolv.conf lead back to this server`,
    );
    const cluster = node.tryQuickly('dig', `@${OWN}`, '+time=1', '+tries=1', 'a.cluster.local');
    expect(cluster.stdout).toContain('status: NOERROR');
    writeList(`nameserver ${OWN}\nnameserver ${TWO}\n`);
    await untilAnswered('192.0.2.2');
  });
});

function unboundConfig(address: string, answer: string): string {
  return `server:
  interface: ${address}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  pidfile: ""
  do-daemonize: no
  num-threads: 1
  use-syslog: no
  local-zone: "example.net." static
  local-data: "${NAME}. 60 IN A ${answer}"
remote-control:
  control-enable: no
`;
}
