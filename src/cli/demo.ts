/**
 * `nodelocaldns demo`: the daemon without root and without a node, on ports of 127.0.0.1, with an
 * example cluster behind it and this machine's resolvers for everything else.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoUpstream } from './demo-upstream.ts';
import { answerFromDemoZone } from './demo-zone.ts';

/** What runs until it is stopped. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** Starts the daemon with these flags. Resolves when it serves. */
export type StartDaemon = (flags: readonly string[]) => Promise<Stoppable>;

const ADDRESS = '127.0.0.1';
/** Used when they are free, otherwise the next free ones. */
const WANTED_PORTS = { dns: 5353, metrics: 9253, health: 8080 } as const;
const RESOLV_CONF = '/etc/resolv.conf';

type Ports = Record<keyof typeof WANTED_PORTS | 'upstream', number>;

/** Starts everything and says what to try. Rejects when the daemon cannot be started. */
export async function startDemo(
  start: StartDaemon,
  print: (text: string) => void,
): Promise<Stoppable> {
  const upstream = new DemoUpstream(answerFromDemoZone);
  const folder = await mkdtemp(join(tmpdir(), 'nodelocaldns-demo-'));
  const cleanUp = async () => {
    upstream.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const ports = {
      upstream: await upstream.start(),
      dns: await freePortFrom(WANTED_PORTS.dns),
      metrics: await freePortFrom(WANTED_PORTS.metrics),
      health: await freePortFrom(WANTED_PORTS.health),
    };
    const corefilePath = join(folder, 'Corefile');
    // As in a cluster: the daemon makes the Corefile from a template.
    await writeFile(`${corefilePath}.base`, corefileFor(ports, await outsideUpstream(ports)));
    const daemon = await start(flagsFor(corefilePath, ports));
    print(instructions(ports));
    return {
      stop: async () => {
        await daemon.stop();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

function flagsFor(corefilePath: string, { dns }: Ports): string[] {
  return [
    ...['-conf', corefilePath, '-basecorefile', `${corefilePath}.base`],
    ...['-localip', ADDRESS, '-dns.port', `${dns}`],
    ...['-metrics-listen-address', `${ADDRESS}:0`],
    ...['-setupinterface=false', '-setupiptables=false'],
  ];
}

/** The four blocks of the stock manifest. */
function corefileFor({ dns, upstream, metrics, health }: Ports, outside: string): string {
  const block = (zone: string, cache: string, forward: string, more = '') => `${zone}:${dns} {
    errors
    ${cache}
    reload
    loop
    bind ${ADDRESS}
    forward . ${forward}
    prometheus ${ADDRESS}:${metrics}${more}
}
`;
  const cluster = `${ADDRESS}:${upstream} {\n        force_tcp\n    }`;
  return [
    block(
      'cluster.local',
      'cache {\n        success 9984 30\n        denial 9984 5\n    }',
      cluster,
      `\n    health ${ADDRESS}:${health}`,
    ),
    block('in-addr.arpa', 'cache 30', cluster),
    block('ip6.arpa', 'cache 30', cluster),
    block('.', 'cache 30', outside),
  ].join('');
}

/** Machines without a resolver get the example cluster's answer for outside names too: there is none. */
async function outsideUpstream({ upstream }: Ports): Promise<string> {
  const text = await readFile(RESOLV_CONF, 'utf8').catch(() => '');
  return /^\s*nameserver\s+\S/m.test(text) ? RESOLV_CONF : `${ADDRESS}:${upstream}`;
}

function instructions({ dns, metrics, health }: Ports): string {
  const dig = `dig @${ADDRESS} -p ${dns}`;
  return `
Serving an example cluster on ${ADDRESS}:${dns}, over UDP and TCP. Try, in another terminal:

  ${dig} kubernetes.default.svc.cluster.local
  ${dig} -x 10.96.0.10
  ${dig} example.com

Metrics: http://${ADDRESS}:${metrics}/metrics
Health:  http://${ADDRESS}:${health}/health
Stop with Ctrl-C.
`;
}

/** The first port from `wanted` on that nobody listens on, over TCP or UDP. */
async function freePortFrom(wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + 100; port++) {
    if ((await isFree(createServer(), port)) && (await isFree(createSocket('udp4'), port)))
      return port;
  }
  throw new Error(`looking for a free port from ${wanted} on: the next 100 are in use`);
}

/** Binds a socket for a moment. */
async function isFree(
  socket: ReturnType<typeof createServer> | ReturnType<typeof createSocket>,
  port: number,
): Promise<boolean> {
  const listening = once(socket, 'listening');
  if ('listen' in socket) socket.listen(port, ADDRESS);
  else socket.bind(port, ADDRESS);
  try {
    await listening;
  } catch {
    return false;
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return true;
}
