/** Clients that ask one question after the other at a steady rate over UDP, and keep account. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import packet from 'dns-packet';

export interface LoadOptions {
  readonly port: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** The name of the n-th question. */
  readonly name: (index: number) => string;
  /** Addresses it comes from, in turns: pods of a node. */
  readonly clients?: number;
  /** How long the last answer is waited for. */
  readonly patienceMs?: number;
}

/** One question and what became of it. */
export interface Outcome {
  readonly sentAtMs: number;
  /** Infinity: no answer. */
  tookMs: number;
  /** −1: no answer. */
  rcode: number;
}

/** A socket holds this many questions at most: an ID for each. */
const PER_SOCKET = 32_768;
const TICK_MS = 5;

export async function steadyLoad(options: LoadOptions): Promise<Account> {
  const { port, perSecond, seconds, name, clients = 1, patienceMs = 6000 } = options;
  const outcomes: Outcome[] = [];
  const sockets: Socket[] = [];
  /** The socket that each client sends from, some of `sockets`. */
  const current: Socket[] = [];
  const total = perSecond * seconds;
  let answered = 0;
  let stallMs = 0;
  let tickAtMs = performance.now();
  const tick = async () => {
    await sleep(TICK_MS);
    stallMs = Math.max(stallMs, performance.now() - tickAtMs - TICK_MS);
    tickAtMs = performance.now();
  };
  const startMs = performance.now();
  while (outcomes.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - startMs) / 1000) * perSecond));
    while (outcomes.length < due) {
      const index = outcomes.length;
      const client = index % clients;
      const id = Math.floor(index / clients) % PER_SOCKET;
      if (id === 0) current[client] = await open(index);
      outcomes.push({ sentAtMs: performance.now(), tookMs: Number.POSITIVE_INFINITY, rcode: -1 });
      current[client].send(encode(name(index), id));
    }
    await tick();
  }
  const endMs = performance.now() + patienceMs;
  while (answered < total && performance.now() < endMs) await tick();
  for (const socket of sockets) socket.close();
  return new Account(outcomes, stallMs);

  /** A socket of the client that asks the `first` question and every `clients`-th from there. */
  async function open(first: number): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    sockets.push(socket);
    // Nobody listens: unanswered, no more.
    socket.on('error', () => {});
    socket.on('message', (reply) => {
      const outcome = outcomes[first + reply.readUInt16BE(0) * clients];
      if (outcome.rcode >= 0) return;
      answered++;
      outcome.rcode = reply[3] & 15;
      outcome.tookMs = performance.now() - outcome.sentAtMs;
    });
    socket.bind(0, `127.0.4.${1 + (first % clients)}`);
    await once(socket, 'listening');
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }
}

/** What came of a load. */
export class Account {
  readonly outcomes: readonly Outcome[];
  /** How long the load itself once waited for a processor: what others do on the machine. */
  readonly stallMs: number;

  constructor(outcomes: readonly Outcome[], stallMs: number) {
    this.outcomes = outcomes;
    this.stallMs = stallMs;
  }

  /** Questions answered with a response code. */
  count(rcode: number): number {
    return this.outcomes.filter((outcome) => outcome.rcode === rcode).length;
  }

  get unanswered(): number {
    return this.count(-1);
  }

  /** Milliseconds that `percent` of the questions took at most; those without answer took for ever. */
  percentileMs(percent: number): number {
    const sorted = this.outcomes.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))];
  }

  get maxMs(): number {
    return this.percentileMs(100);
  }

  /** Share of the questions with a good answer within `limitMs`. */
  goodWithin(limitMs: number): number {
    const good = this.outcomes.filter(({ rcode, tookMs }) => rcode === 0 && tookMs <= limitMs);
    return good.length / this.outcomes.length;
  }

  toString(): string {
    const times = [50, 99, 99.9, 100].map((p) => `p${p} ${this.percentileMs(p).toFixed(1)} ms`);
    const codes = [0, 2, 5].map((rcode) => `rcode ${rcode}: ${this.count(rcode)}`);
    return `${this.outcomes.length} asked, ${codes.join(', ')}, unanswered: ${this.unanswered}, ${times.join(', ')}, stalled ${this.stallMs.toFixed(0)} ms`;
  }
}

const QUERY = { type: 'query', flags: packet.RECURSION_DESIRED } as const;

function encode(name: string, id: number): Buffer {
  return packet.encode({ ...QUERY, id, questions: [{ name, type: 'A' }] });
}
