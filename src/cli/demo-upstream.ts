/** A DNS server on a port of 127.0.0.1 that answers every message from one function. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

/** Gives the reply to a message, or null for none. Must not throw. */
type Answerer = (message: Buffer) => Buffer | null;

/** Octets of length before each message on a stream (RFC 1035 §4.2.2). */
const PREFIX_LENGTH = 2;

export class DemoUpstream {
  readonly #answer: Answerer;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  /** BOUNDED by the connections that the daemon keeps to one upstream. */
  readonly #connections = new Set<Socket>();

  constructor(answer: Answerer) {
    this.#answer = answer;
    this.#udp = createSocket('udp4');
    this.#tcp = createServer((socket) => this.#serve(socket));
  }

  /** Listens over UDP and TCP on one free port, and returns it. */
  async start(): Promise<number> {
    this.#tcp.listen(0, '127.0.0.1');
    await once(this.#tcp, 'listening');
    const { port } = this.#tcp.address() as AddressInfo;
    this.#udp.on('message', (message, from) => {
      const reply = this.#answer(message);
      if (reply !== null) this.#udp.send(reply, from.port, from.address);
    });
    this.#udp.bind(port, '127.0.0.1');
    await once(this.#udp, 'listening');
    return port;
  }

  stop(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= PREFIX_LENGTH) {
        const end = PREFIX_LENGTH + rest.readUInt16BE(0);
        if (rest.length < end) return;
        const reply = this.#answer(rest.subarray(PREFIX_LENGTH, end));
        if (reply !== null) writeFramed(socket, reply);
        rest = rest.subarray(end);
      }
    });
  }
}

function writeFramed(socket: Socket, message: Buffer): void {
  const prefix = Buffer.alloc(PREFIX_LENGTH);
  prefix.writeUInt16BE(message.length);
  socket.write(Buffer.concat([prefix, message]));
}
