/** A question to our own listeners: the proof of life that the lease is renewed on. */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
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
export function probeSelf(target: ProbeTarget): Promise<boolean> {
  const id = randomInt(0x10000);
  return target.transport === 'udp' ? probeUdp(target, id) : probeTcp(target, id);
}

function probeUdp({ ip, port, deadlineMs }: ProbeTarget, id: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(familyOf(ip) === FAMILY_V4 ? 'udp4' : 'udp6');
    const finish = (answered: boolean): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      closeQuietly(socket);
      resolve(answered);
    };
    const timer = setTimeout(finish, deadlineMs, false);
    socket.on('error', () => finish(false));
    socket.on('message', (message) => {
      if (isAnswer(message, id)) finish(true);
    });
    // Where there is no way to the address, the error comes here and not as an event.
    socket.connect(port, ip, (error?: Error) => {
      if (error) finish(false);
      else socket.send(encode(question(id)));
    });
  });
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

function closeQuietly(socket: { close(): void }): void {
  try {
    socket.close();
  } catch {
    // Was not open yet.
  }
}
