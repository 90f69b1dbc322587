/** A question to our own listeners: the proof of life that the lease is renewed on. */

import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { connect } from 'node:net';
import { decode, encode, streamEncode } from 'dns-packet';
import { FAMILY_V4, familyOf } from './ip.ts';

export interface ProbeTarget {
  readonly ip: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
  readonly deadlineMs: number;
}

/**
 * RFC 1035 §4.1.1, OPCODE 2: a server status request. Every server answers it at once from its own
 * knowledge (ours with NOTIMP): no zone, cache or upstream takes part, and no metric counts it.
 */
const OPCODE_STATUS = 2;
const OPCODE_SHIFT = 11;

/** Whether the target answers in time. Never rejects. */
export async function probeSelf(target: ProbeTarget): Promise<boolean> {
  if (target.transport === 'tcp') return await probeTcp(target, randomInt(0x10000));
  const probe = new UdpProbe(target);
  const answered = await probe.ask();
  probe.close();
  return answered;
}

/** Asks again and again from one socket; after each silence from a new one. One question at a time. */
export class UdpProbe {
  readonly #target: Omit<ProbeTarget, 'transport'>;
  #socket: Socket | null = null;
  #id = 0;
  #finish: (answered: boolean) => void = ignore;

  constructor(target: Omit<ProbeTarget, 'transport'>) {
    this.#target = target;
  }

  /** Whether the target answers in time. Never rejects. */
  ask(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#finish(false), this.#target.deadlineMs);
      this.#id = randomInt(0x10000);
      this.#finish = (answered) => {
        clearTimeout(timer);
        this.#finish = ignore;
        if (!answered) this.close();
        resolve(answered);
      };
      if (this.#socket === null) this.#open();
      else this.#send(this.#socket);
    });
  }

  close(): void {
    if (this.#socket !== null) closeQuietly(this.#socket);
    this.#socket = null;
  }

  #open(): void {
    const { ip, port } = this.#target;
    const socket = createSocket(familyOf(ip) === FAMILY_V4 ? 'udp4' : 'udp6');
    this.#socket = socket;
    socket.unref();
    socket.on('error', () => this.#failed(socket));
    socket.on('message', (message) => {
      if (isAnswer(message, this.#id)) this.#finish(true);
    });
    // Where there is no way to the address, the error comes here and not as an event.
    socket.connect(port, ip, (error?: Error) => {
      if (error) this.#failed(socket);
      else this.#send(socket);
    });
  }

  #send(socket: Socket): void {
    // Closed while it connected.
    if (socket !== this.#socket) return;
    socket.send(encode(question(this.#id)), (error) => {
      if (error) this.#failed(socket);
    });
  }

  #failed(socket: Socket): void {
    if (socket === this.#socket) this.#finish(false);
  }
}

function probeTcp({ ip, port, deadlineMs }: ProbeTarget, id: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port });
    let received = Buffer.alloc(0);
    const finish = (answered: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    const timer = setTimeout(finish, deadlineMs, false);
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    socket.on('connect', () => socket.write(streamEncode(question(id))));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      // RFC 1035 §4.2.2: two octets of length stand before the message.
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        finish(isAnswer(received.subarray(2), id));
      }
    });
  });
}

function question(id: number) {
  return {
    type: 'query' as const,
    id,
    flags: OPCODE_STATUS << OPCODE_SHIFT,
    questions: [{ type: 'SOA' as const, name: '.' }],
  };
}

function isAnswer(message: Buffer, id: number): boolean {
  try {
    const { type, id: answered } = decode(message);
    return type === 'response' && answered === id;
  } catch {
    return false;
  }
}

function ignore(): void {}

function closeQuietly(socket: { close(): void }): void {
  try {
    socket.close();
  } catch {
    // Was not open yet.
  }
}
