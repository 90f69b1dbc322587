/**
 * A DNS upstream that behaves as it is told, over UDP and TCP on one free port of 127.0.0.1. Rules
 * are those of the scenario files, and a few more ways to misbehave.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import packet from 'dns-packet';
import type { Rule, Transport } from '../golden/scenario.ts';
import { encodeReply, matches, unknownName } from '../golden/scripted-rules.ts';
import { frame, readFrames } from './framing.ts';

/** A rule of a scenario, or worse. */
export interface UnrulyRule extends Rule {
  /** Send the reply this often. */
  readonly copies?: number;
  /** Send half of the reply and nothing more. */
  readonly half?: boolean;
  /** End the connection with RST. */
  readonly reset?: boolean;
  /** Send these octets behind the right ID in place of a reply. */
  readonly garbage?: Buffer;
}

/** One question as it came. */
export interface Sighting {
  readonly transport: Transport;
  readonly name: string;
  readonly type: string;
  readonly id: number;
  /** The port it was sent from. */
  readonly port: number;
  readonly message: Buffer;
}

export class ScriptedUpstream {
  rules: readonly UnrulyRule[];
  /** What was asked, in order; a test may empty it. */
  readonly seen: Sighting[] = [];
  /** TCP connections taken so far. */
  accepted = 0;
  /** Answers after which a connection is closed. */
  closeAfter = Number.POSITIVE_INFINITY;
  /** False: TCP answers wait until the one before is acknowledged (Nagle's algorithm, RFC 9293 §3.7.4). */
  noDelay = true;
  readonly #used = new Map<UnrulyRule, number>();
  readonly #connections = new Set<Socket>();
  #udp: UdpSocket | null = null;
  #tcp: Server | null = null;
  #port = 0;

  constructor(rules: readonly UnrulyRule[] = []) {
    this.rules = rules;
  }

  get port(): number {
    return this.#port;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  /** `udp a.test A` for each question since the start, or since `seen` was emptied. */
  get questions(): readonly string[] {
    return this.seen.map(({ transport, name, type }) => `${transport} ${name} ${type}`);
  }

  /** Listens: on the same port again after a `stop`. */
  async start(): Promise<this> {
    for (;;) {
      const tcp = createServer((socket) => this.#serve(socket.setNoDelay(this.noDelay)));
      tcp.listen(this.#port, '127.0.0.1');
      await once(tcp, 'listening');
      const port = (tcp.address() as AddressInfo).port;
      const udp = createSocket('udp4');
      const isBound = await new Promise<boolean>((resolve) => {
        udp.once('error', () => resolve(false));
        udp.bind(port, '127.0.0.1', () => resolve(true));
      });
      if (!isBound) {
        // Another program has this UDP port: try with another one.
        tcp.close();
        continue;
      }
      udp.on('message', (message, from) =>
        this.#answer(message, 'udp', from.port, {
          send: (reply) => this.#udp?.send(reply, from.port, from.address, () => {}),
        }),
      );
      this.#tcp = tcp;
      this.#udp = udp;
      this.#port = port;
      return this;
    }
  }

  async stop(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = null;
    this.#tcp = null;
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      udp === null ? null : new Promise<void>((resolve) => udp.close(() => resolve())),
      tcp === null ? null : new Promise<void>((resolve) => tcp.close(() => resolve())),
    ]);
  }

  #serve(socket: Socket): void {
    this.accepted++;
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => {});
    let left = this.closeAfter;
    readFrames(socket, (message) => {
      if (left <= 0) return;
      this.#answer(message, 'tcp', socket.remotePort ?? 0, {
        socket,
        send: (reply, half) => {
          if (socket.destroyed || left <= 0) return;
          const framed = frame(reply);
          socket.write(half ? framed.subarray(0, framed.length >> 1) : framed);
          if (--left <= 0) socket.end();
        },
      });
    });
  }

  #answer(
    message: Buffer,
    transport: Transport,
    port: number,
    way: { send(reply: Buffer, half?: boolean): void; socket?: Socket },
  ): void {
    const query = packet.decode(message);
    const { name, type } = (query.questions ?? [])[0];
    const lower = name.toLowerCase() || '.';
    const id = query.id ?? 0;
    this.seen.push({ transport, name: lower, type, id, port, message: Buffer.from(message) });
    const rule = this.rules.find(
      (candidate) =>
        matches(candidate, lower, type, transport) &&
        (this.#used.get(candidate) ?? 0) < (candidate.times ?? Number.POSITIVE_INFINITY),
    );
    if (rule !== undefined) this.#used.set(rule, (this.#used.get(rule) ?? 0) + 1);
    if (rule?.drop) return;
    if (rule?.close) way.socket?.destroy();
    if (rule?.reset) way.socket?.resetAndDestroy();
    if (rule?.close || rule?.reset) return;
    const opt = (query.additionals ?? []).find((record) => record.type === 'OPT');
    const reply = rule?.garbage
      ? Buffer.concat([message.subarray(0, 2), rule.garbage])
      : encodeReply(query, opt, rule?.reply ?? unknownName(name));
    const send = () => {
      for (let i = 0; i < (rule?.copies ?? 1); i++) way.send(reply, rule?.half);
    };
    if (rule?.delayMs === undefined) send();
    else setTimeout(send, rule.delayMs);
  }
}

/** A rule that answers `name` with one A record. */
export function addressRule(name: string, address: string, more: Partial<UnrulyRule> = {}) {
  return { name, type: 'A', reply: { answer: [`${name} 60 IN A ${address}`] }, ...more };
}
