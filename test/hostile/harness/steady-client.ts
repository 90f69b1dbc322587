/** A client that asks at a steady rate from an address of its own, and notes how long answers take. */
import { createSocket } from 'node:dgram';
import packet from 'dns-packet';

/** Longer than a client waits before it asks again. */
const PATIENCE_MS = 4000;

export interface Steady {
  /** In milliseconds, ascending: of the answers that came. */
  readonly latenciesMs: readonly number[];
  readonly lost: number;
  /** Answers by response code. */
  readonly rcodes: Readonly<Record<string, number>>;
}

export interface SteadyOptions {
  readonly address: string;
  readonly port: number;
  /** Whom it asks; 127.0.0.1 when not given. */
  readonly server?: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** The name of each query, by its number. */
  readonly name: (i: number) => string;
}

export function askSteadily(options: SteadyOptions): Promise<Steady> {
  const { address, port, server = '127.0.0.1', perSecond, seconds, name } = options;
  const total = perSecond * seconds;
  const sentAt = new Map<number, number>();
  const latenciesMs: number[] = [];
  const rcodes: Record<string, number> = {};
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    let sent = 0;
    const finish = () => {
      clearInterval(timer);
      clearTimeout(deadline);
      socket.close();
      latenciesMs.sort((a, b) => a - b);
      resolve({ latenciesMs, lost: total - latenciesMs.length, rcodes });
    };
    const startedAt = performance.now();
    const deadline = setTimeout(finish, seconds * 1000 + PATIENCE_MS);
    const timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      while (sent < Math.min(due, total)) {
        const id = ++sent;
        const questions = [{ name: name(id), type: 'A' as const }];
        const flags = packet.RECURSION_DESIRED;
        sentAt.set(id, performance.now());
        socket.send(packet.encode({ type: 'query', id, flags, questions }), port, server);
      }
    }, 2);
    // A server that cannot be reached does not answer: lost, no more.
    socket.on('error', () => {});
    socket.on('message', (reply) => {
      const before = sentAt.get(reply.readUInt16BE(0));
      if (before === undefined) return;
      sentAt.delete(reply.readUInt16BE(0));
      latenciesMs.push(performance.now() - before);
      const rcode = `${reply[3] & 15}`;
      rcodes[rcode] = (rcodes[rcode] ?? 0) + 1;
      if (latenciesMs.length === total) finish();
    });
    socket.bind(0, address);
  });
}

/** The value below which `percent` of ascending values lie. */
export function percentile(ascending: readonly number[], percent: number): number {
  return ascending[Math.max(0, Math.ceil((percent / 100) * ascending.length) - 1)] ?? Number.NaN;
}
