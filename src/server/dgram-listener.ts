/**
 * A UDP address and port that we answer on, through node:dgram: for machines without koffi. One
 * system call and one callback for each datagram.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { MAX_MESSAGE_LENGTH } from '../dns/header.ts';
import type { Client } from '../dns/query.ts';
import type { Door, PacketHandler } from './door.ts';
import { ListenError } from './listen-error.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import type { UdpCounters } from './udp-endpoint.ts';

/** As on the batched road; dgram cannot force it beyond net.core.rmem_max. */
const RECEIVE_BUFFER_OCTETS = 4 << 20;

export class DgramListener implements Listener, Door {
  readonly transport = 'udp';
  /** There is no way to it. */
  readonly fd = -1;
  readonly counters: UdpCounters = { unsent: 0 };
  readonly #options: ListenerOptions;
  readonly #handler: PacketHandler;
  /** The datagram being answered. */
  readonly #packet = Buffer.alloc(MAX_MESSAGE_LENGTH);
  #remote: RemoteInfo | null = null;
  #socket: Socket | null = null;
  #port = 0;

  constructor(options: ListenerOptions, handler: PacketHandler) {
    this.#options = options;
    this.#handler = handler;
  }

  get port(): number {
    return this.#port;
  }

  /** Binds and answers. Rejects with ListenError. */
  async start(): Promise<void> {
    const { address, port } = this.#options;
    const socket = createSocket({
      type: isIPv4(address) ? 'udp4' : 'udp6',
      reusePort: true,
      // Without it dgram goes through the resolver's queue for each send.
      lookup: (host, _options, callback) => callback(null, host, isIPv4(host) ? 4 : 6),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close();
        reject(
          new ListenError(
            { transport: 'udp', ...this.#options },
            'bind',
            -(error.errno ?? 0),
            error,
          ),
        );
      });
      socket.bind({ address: address === '' ? '::' : address, port }, resolve);
    });
    socket.removeAllListeners('error');
    socket.on('error', () => this.counters.unsent++);
    socket.on('message', this.#onMessage);
    trySetReceiveBuffer(socket);
    this.#socket = socket;
    this.#port = socket.address().port;
  }

  drain(): void {
    this.#socket?.off('message', this.#onMessage);
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    this.#port = 0;
    await new Promise<void>((resolve) => socket.close(resolve));
  }

  get family(): 4 | 6 {
    return this.#remote === null ? 4 : unmapped(this.#remote).family;
  }

  currentClient(): Client {
    const remote = this.#remote;
    if (remote === null) throw new Error('there is no packet being handled');
    const { address, family } = unmapped(remote);
    return {
      transport: 'udp',
      family,
      address,
      port: remote.port,
      localAddress: this.#options.address,
      localPort: this.#port,
      send: (message) => {
        if (message.length !== 0) this.#send(Buffer.from(message), remote);
      },
    };
  }

  readonly #onMessage = (message: Buffer, remote: RemoteInfo): void => {
    const packet = this.#packet;
    message.copy(packet);
    this.#remote = remote;
    this.#handler.batchStart({ nowMs: performance.now() });
    const length = this.#handler.handle(packet, 0, message.length, packet.length, this);
    this.#remote = null;
    if (length !== 0) this.#send(Buffer.from(packet.subarray(0, length)), remote);
    this.#handler.batchEnd({ nowMs: performance.now() });
  };

  /** `message` is left to the socket. */
  #send(message: Buffer, remote: RemoteInfo): void {
    this.#socket?.send(message, remote.port, remote.address, (error) => {
      if (error !== null) this.counters.unsent++;
    });
  }
}

/** An IPv4 client of an IPv6 socket is an IPv4 client. */
function unmapped({ address, family }: RemoteInfo): { address: string; family: 4 | 6 } {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped !== null) return { address: mapped[1], family: 4 };
  return { address, family: family === 'IPv4' ? 4 : 6 };
}

function trySetReceiveBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_OCTETS);
  } catch {
    // Refused: the kernel's default serves too.
  }
}
