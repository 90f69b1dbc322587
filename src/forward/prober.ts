/** Asks an upstream one question on a socket of its own, for health checks and loop detection. */
import { createSocket } from 'node:dgram';
import { isIPv6, type Socket } from 'node:net';
import { FrameReader } from '../dns/framing.ts';
import {
  CLASS_IN,
  FLAG_QR,
  FLAG_RD,
  HEADER_LENGTH,
  readUint16,
  writeUint16,
} from '../dns/header.ts';
import { nameFromText } from '../dns/name.ts';
import { dialTcp, type OnData, type StreamTarget, TlsDialer } from './dial.ts';
import { random16 } from './random.ts';

/** Spec §5.4: a check waits 1 s for its answer. */
const TIMEOUT_MS = 1000;

/** Told once whether an answer came. */
export type OnProbed = (isAnswered: boolean) => void;

/** Asks one question; a test puts a scripted one in its place. */
export interface Prober {
  /** Sends `question` with an ID of its own. Any response with that ID counts, whatever it says. */
  ask(question: Buffer, done: OnProbed): void;
}

/** Probes over UDP. */
export class UdpProber implements Prober {
  readonly #target: StreamTarget;

  constructor(target: StreamTarget) {
    this.#target = target;
  }

  ask(question: Buffer, done: OnProbed): void {
    const { address, port, sourceAddress } = this.#target;
    const message = withRandomId(question);
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const finish = once(done, () => socket.close());
    socket.on('error', () => finish(false));
    socket.on('message', (reply) => {
      if (isReplyTo(reply, message)) finish(true);
    });
    if (sourceAddress !== '') socket.bind({ port: 0, address: sourceAddress, exclusive: true });
    // Where there is no way to the address, the error comes here and not as an event.
    socket.connect(port, address, (error?: Error) => {
      if (error) finish(false);
      else socket.send(message);
    });
  }
}

/** Probes over TCP or TLS. */
export class StreamProber implements Prober {
  readonly #dial: (onData: OnData) => Socket;

  constructor(target: StreamTarget) {
    const { tls } = target;
    if (tls === null) {
      this.#dial = (onData) => dialTcp(target, onData);
    } else {
      const dialer = new TlsDialer(target, tls);
      this.#dial = (onData) => dialer.dial(onData);
    }
  }

  ask(question: Buffer, done: OnProbed): void {
    const message = withRandomId(question);
    const frames = new FrameReader((chunk, start, end) => {
      if (isReplyTo(chunk.subarray(start, end), message)) finish(true);
    });
    const socket = this.#dial((chunk, length) => frames.push(chunk, length));
    const finish = once(done, () => socket.destroy());
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    const frame = Buffer.alloc(2 + message.length);
    writeUint16(frame, 0, message.length);
    message.copy(frame, 2);
    socket.write(frame);
  }
}

/** A question in class IN with ID 0, or null when `name` is none. */
export function buildQuestion(
  name: string,
  type: number,
  recursionDesired: boolean,
): Buffer | null {
  const wire = nameFromText(name);
  if (wire === null) return null;
  const question = Buffer.alloc(HEADER_LENGTH + wire.length + 4);
  writeUint16(question, 2, recursionDesired ? FLAG_RD : 0);
  writeUint16(question, 4, 1);
  wire.copy(question, HEADER_LENGTH);
  writeUint16(question, HEADER_LENGTH + wire.length, type);
  writeUint16(question, HEADER_LENGTH + wire.length + 2, CLASS_IN);
  return question;
}

function withRandomId(question: Buffer): Buffer {
  const message = Buffer.from(question);
  writeUint16(message, 0, random16());
  return message;
}

function isReplyTo(reply: Buffer, message: Buffer): boolean {
  return (
    reply.length >= HEADER_LENGTH &&
    readUint16(reply, 0) === readUint16(message, 0) &&
    (readUint16(reply, 2) & FLAG_QR) !== 0
  );
}

/** The first outcome ends the probe and its socket; the time running out is one. */
function once(done: OnProbed, release: () => void): OnProbed {
  let isDone = false;
  const finish = (isAnswered: boolean) => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    release();
    done(isAnswered);
  };
  const timer = setTimeout(finish, TIMEOUT_MS, false).unref();
  return finish;
}
