/**
 * An upstream for thousands of queries a second that fails as it is told, on one port of 127.0.0.1
 * over UDP and TCP. It answers every question with one A record of 192.0.2.1 that lives 60 s.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameReader, frame } from '../../src/dns/framing.ts';
import { freePort } from '../helpers/free-port.ts';

/** A pointer to the question, A, IN, TTL, 192.0.2.1. */
const RECORD = Buffer.from('c00c00010001000000000004c0000201', 'hex');

/** What it does to queries and answers. */
export interface Faults {
  /** Takes queries and connections, and says nothing. */
  isSilent: boolean;
  delayMs: number;
  /** Share of datagrams lost, of queries and of answers each; by a generator with a seed. */
  loss: number;
  /** Answers after which a connection is closed. */
  closeAfter: number;
  /** Answers after which a connection is reset, with what it still owes. */
  resetAfter: number;
  /** Half of every how-many-th answer is sent on a connection, and then nothing more. */
  halfEvery: number;
  /** Sends each answer this often. */
  copies: number;
  /** Answers of a connection leave in the opposite order, this many at a time or after 5 ms. */
  shuffle: number;
  /** Until when questions over TCP are taken and forgotten, on performance.now()'s scale. */
  dropUntilMs: number;
  ttlSeconds: number;
}

const NONE: Faults = {
  isSilent: false,
  delayMs: 0,
  loss: 0,
  closeAfter: Number.POSITIVE_INFINITY,
  resetAfter: Number.POSITIVE_INFINITY,
  halfEvery: Number.POSITIVE_INFINITY,
  copies: 1,
  shuffle: 1,
  dropUntilMs: 0,
  ttlSeconds: 60,
};

export class FaultyUpstream {
  readonly faults: Faults;
  /** Queries that came, those it lost included. */
  asked = 0;
  /** Connections taken. */
  accepted = 0;
  #port = 0;
  readonly #random: () => number;
  #udp: UdpSocket | null = null;
  #tcp: Server | null = null;
  readonly #connections = new Set<Socket>();

  constructor(faults: Partial<Faults> = {}, seed = 1) {
    this.faults = { ...NONE, ...faults };
    this.#random = generator(seed);
  }

  get port(): number {
    return this.#port;
  }

  /** Listens: on the same port again after a `stop`. */
  async start(): Promise<this> {
    if (this.#port === 0) this.#port = await freePort();
    const udp = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    udp.on('message', (query, from) => {
      if (this.#isLost()) return;
      this.#reply(query, (reply) => {
        if (!this.#isLost()) this.#udp?.send(reply, from.port, from.address, () => {});
      });
    });
    udp.bind(this.#port, '127.0.0.1');
    await once(udp, 'listening');
    const tcp = createServer({ noDelay: true }, (socket) => this.#serve(socket));
    tcp.listen(this.#port, '127.0.0.1', 511);
    await once(tcp, 'listening');
    this.#udp = udp;
    this.#tcp = tcp;
    return this;
  }

  /** Closes its port: what is sent there is refused. */
  async stop(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = null;
    this.#tcp = null;
    for (const connection of this.#connections) connection.destroy();
    if (udp !== null) await new Promise<void>((resolve) => udp.close(() => resolve()));
    if (tcp !== null) await new Promise<void>((resolve) => tcp.close(() => resolve()));
  }

  #isLost(): boolean {
    return this.faults.loss > 0 && this.#random() < this.faults.loss;
  }

  #reply(query: Buffer, send: (reply: Buffer) => void): void {
    this.asked++;
    if (this.faults.isSilent) return;
    const reply = answer(query, this.faults.ttlSeconds);
    const sendAll = () => {
      for (let i = 0; i < this.faults.copies; i++) send(reply);
    };
    if (this.faults.delayMs === 0) sendAll();
    else void sleep(this.faults.delayMs).then(sendAll);
  }

  #serve(socket: Socket): void {
    this.accepted++;
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => {});
    const outgoing = new Outgoing(socket, this.faults);
    const frames = new FrameReader((chunk, start, end) => {
      const isForgotten = performance.now() < this.faults.dropUntilMs;
      if (isForgotten) return;
      this.#reply(Buffer.from(chunk.subarray(start, end)), (reply) => outgoing.push(reply));
    });
    socket.on('data', (chunk: Buffer) => frames.push(chunk));
  }
}

/** Answers on their way out of one connection. */
class Outgoing {
  readonly #socket: Socket;
  readonly #faults: Faults;
  #sent = 0;
  #isDone = false;
  #held: Buffer[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(socket: Socket, faults: Faults) {
    this.#socket = socket;
    this.#faults = faults;
  }

  push(reply: Buffer): void {
    this.#held.push(reply);
    if (this.#held.length >= this.#faults.shuffle) this.#release();
    else this.#timer ??= setTimeout(() => this.#release(), 5);
  }

  #release(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const reply of this.#held.splice(0).reverse()) this.#send(reply);
  }

  #send(reply: Buffer): void {
    const { closeAfter, resetAfter, halfEvery } = this.#faults;
    if (this.#isDone || this.#socket.destroyed) return;
    const framed = frame(reply);
    this.#sent++;
    if (this.#sent % halfEvery === 0) {
      this.#isDone = true;
      this.#socket.write(framed.subarray(0, framed.length >> 1));
      return;
    }
    this.#socket.write(framed);
    if (this.#sent >= closeAfter) {
      this.#isDone = true;
      this.#socket.end();
    } else if (this.#sent >= resetAfter) {
      this.#isDone = true;
      this.#socket.resetAndDestroy();
    }
  }
}

function answer(query: Buffer, ttlSeconds: number): Buffer {
  // Without its OPT record: header and question alone.
  let end = 12;
  while (query[end] !== 0) end += 1 + query[end];
  const reply = Buffer.concat([query.subarray(0, end + 5), RECORD]);
  reply[2] |= 0x80;
  reply[7] = 1;
  reply[11] = 0;
  reply.writeUInt32BE(ttlSeconds, reply.length - 10);
  return reply;
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
