/** A name server at port 53, where resolv.conf has them, on a loopback address of its own. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import packet from 'dns-packet';
import { onTestFinished } from 'vitest';

const DNS_PORT = 53;

export class PlainUpstream {
  /** A random one of 127.0.0.0/8; port 53 there is ours. */
  readonly address = `127.${randomOctet()}.${randomOctet()}.${randomOctet()}`;
  /** The names that were asked for, in order. */
  readonly seen: string[] = [];
  readonly #socket: Socket = createSocket('udp4');

  /** One that answers every question with an address, until the test is over. Needs root. */
  static async start({ delayMs = 0 } = {}): Promise<PlainUpstream> {
    const upstream = new PlainUpstream();
    const socket = upstream.#socket;
    socket.on('message', (message, from) => {
      const reply = upstream.#answer(message);
      setTimeout(() => socket.send(reply, from.port, from.address, () => {}), delayMs);
    });
    socket.bind(DNS_PORT, upstream.address);
    await once(socket, 'listening');
    onTestFinished(() => new Promise<void>((resolve) => void socket.close(resolve)));
    return upstream;
  }

  #answer(message: Buffer): Buffer {
    const { id = 0, questions = [] } = packet.decode(message);
    const [{ name }] = questions;
    this.seen.push(name);
    const answers = [{ type: 'A' as const, name, ttl: 60, data: '192.0.2.1' }];
    return packet.encode({ type: 'response', id, flags: 0x180, questions, answers });
  }
}

function randomOctet(): number {
  return 1 + Math.floor(Math.random() * 254);
}
