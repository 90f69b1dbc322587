/**
 * The node's side on its own, for tests: listeners that answer anything (with an A record of
 * 10.0.0.2), and an Interception around them. Takes its options as JSON in argv[2]; prints log lines.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, streamEncode } from 'dns-packet';
import { createProbe } from '../../../src/daemon/node-side.ts';
import { DeadMan } from '../../../src/host/dead-man.ts';
import { Interception, type InterceptionOptions } from '../../../src/host/interception.ts';
import { createNodeEvents } from '../../../src/host/node-events.ts';
import { createSetupErrors } from '../../../src/host/setup-errors.ts';
import { monotonicClock } from '../../../src/log/clock.ts';
import { Log } from '../../../src/log/log.ts';
import { LEASE_MS, slowness } from './command.ts';

const options: InterceptionOptions = {
  localIps: ['169.254.20.10'],
  dnsPort: 53,
  healthPort: 8080,
  interfaceName: 'nodelocaldns',
  interfaceType: 'dummy',
  leaseMs: LEASE_MS,
  setupInterface: true,
  setupIptables: true,
  rules: 'auto',
  syncIntervalMs: 60_000,
  ...JSON.parse(process.argv[2] ?? '{}'),
};

const log = new Log((line) => console.log(line));
const counters = createSetupErrors();
const events = createNodeEvents();
/** Which listeners do not answer. */
const deaf = { udp: false, tcp: false };
const interception = new Interception(options, {
  log,
  counters,
  events,
  clock: monotonicClock,
  probe: createProbe({ dnsPort: options.dnsPort, deadlineMs: 400 * slowness }),
});

function answer(message: Buffer): object {
  const query = decode(message);
  const name = query.questions?.[0]?.name ?? '.';
  return {
    type: 'response',
    id: query.id,
    questions: query.questions,
    answers: [{ type: 'A', name, ttl: 1, data: '10.0.0.2' }],
  };
}

/** Binds before the address exists: the kernel's switch for all sockets of the namespace. */
async function listen(ip: string): Promise<void> {
  const udp = createSocket({ type: ip.includes(':') ? 'udp6' : 'udp4', reusePort: true });
  udp.on('message', (message, from) => {
    if (!deaf.udp) udp.send(encode(answer(message)), from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(options.dnsPort, ip, resolve));
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (!deaf.tcp) socket.write(streamEncode(answer(chunk.subarray(2))));
    });
  });
  tcp.listen({ port: options.dnsPort, host: ip, reusePort: true });
}

process.on('SIGTERM', async () => {
  await interception.disengage();
  console.log('counters', JSON.stringify(counters));
  console.log('events', JSON.stringify(events));
  process.exit(0);
});
process.on('SIGUSR2', () => {
  deaf.udp = !deaf.udp;
});
process.on('SIGWINCH', () => {
  deaf.tcp = !deaf.tcp;
});
process.on('SIGHUP', () => {
  for (;;);
});

try {
  await interception.prepare();
  for (const ip of options.localIps) await listen(ip);
  await interception.engage();
  // As in the daemon, and longer than a test has it stand still.
  new DeadMan({ limitSeconds: 4 * slowness }).start();
  console.log('engaged');
} catch (cause) {
  console.log('refused', (cause as { code?: string }).code, (cause as Error).message);
  await interception.disengage();
  process.exit(1);
}
