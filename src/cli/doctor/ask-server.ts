/** Asks a DNS server one question, the way a pod's resolver does. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { encode, streamEncode } from 'dns-packet';
import { FLAG_QR, FLAG_RD, HEADER_LENGTH, RCODE_MASK, readUint16 } from '../../dns/header.ts';

export interface AskOptions {
  readonly address: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
  /** What its name servers are asked for; every resolver knows those of the root. */
  readonly name: string;
  readonly deadlineMs: number;
}

/** The rcode of the answer; null: none in time. Never rejects. */
export function askServer(options: AskOptions): Promise<number | null> {
  const id = randomInt(0x10000);
  const question = {
    ...{ type: 'query' as const, id, flags: FLAG_RD },
    questions: [{ type: 'NS' as const, name: options.name }],
  };
  return new Promise((resolve) => {
    const finish = (rcode: number | null) => {
      clearTimeout(timer);
      close();
      resolve(rcode);
    };
    const timer = setTimeout(finish, options.deadlineMs, null);
    const onMessage = (message: Buffer) => {
      const rcode = rcodeOf(message, id);
      if (rcode !== null) finish(rcode);
    };
    const onError = () => finish(null);
    const close =
      options.transport === 'udp'
        ? askUdp(options, encode(question), onMessage, onError)
        : askTcp(options, streamEncode(question), onMessage, onError);
  });
}

type OnMessage = (message: Buffer) => void;

/** Returns what ends it. */
function askUdp(
  { address, port }: AskOptions,
  message: Buffer,
  onMessage: OnMessage,
  onError: () => void,
): () => void {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let isOpen = true;
  socket.on('error', () => isOpen && onError());
  socket.on('message', (reply) => isOpen && onMessage(reply));
  // Where there is no way to the address, the error comes here and not as an event.
  socket.connect(port, address, (error?: Error) => {
    if (!isOpen) return;
    if (error) onError();
    else socket.send(message);
  });
  return () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
}

/** Returns what ends it. */
function askTcp(
  { address, port }: AskOptions,
  frame: Buffer,
  onMessage: OnMessage,
  onError: () => void,
): () => void {
  const socket = connect({ host: address, port });
  let received = Buffer.alloc(0);
  socket.on('error', onError);
  socket.on('close', onError);
  socket.on('connect', () => socket.write(frame));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    // RFC 1035 §4.2.2: two octets of length stand before the message.
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    onMessage(received.subarray(2));
  });
  return () => {
    socket.off('close', onError);
    socket.destroy();
  };
}

function rcodeOf(message: Buffer, id: number): number | null {
  if (message.length < HEADER_LENGTH || readUint16(message, 0) !== id) return null;
  const flags = readUint16(message, 2);
  return (flags & FLAG_QR) === 0 ? null : flags & RCODE_MASK;
}
