/** A TCP address and port that we answer on, through node:net: for machines without koffi. */
import { createServer, isIPv4, type Server, type Socket } from 'node:net';
import type { Endpoint } from '../sockets/socket-address.ts';
import { ListenError } from './listen-error.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import {
  DEFAULT_TCP_LIMITS,
  TcpConnection,
  type TcpConnectionModules,
  type TcpLimits,
} from './tcp-connection.ts';
import type { TcpStream, TcpStreamUser } from './tcp-stream.ts';

/** Connections that the kernel keeps for us; net.core.somaxconn may lower it. */
const BACKLOG = 1024;

export class NetListener implements Listener {
  readonly transport = 'tcp';
  /** There is no way to it. */
  readonly fd = -1;
  /** For connections to come; a reload may change them. */
  limits: TcpLimits = DEFAULT_TCP_LIMITS;
  readonly #options: ListenerOptions;
  readonly #modules: TcpConnectionModules;
  #server: Server | null = null;
  #port = 0;

  constructor(options: ListenerOptions, modules: TcpConnectionModules) {
    this.#options = options;
    this.#modules = modules;
  }

  get port(): number {
    return this.#port;
  }

  /** Binds and accepts. Rejects with ListenError. */
  async start(): Promise<void> {
    const { address, port } = this.#options;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const target = { transport: 'tcp', ...this.#options } as const;
        reject(new ListenError(target, 'bind', -(error.errno ?? 0), error));
      });
      const host = address === '' ? '::' : address;
      server.listen({ host, port, backlog: BACKLOG, reusePort: true }, resolve);
    });
    server.removeAllListeners('error');
    // A connection that could not be accepted; the next one may.
    server.on('error', () => {});
    this.#server = server;
    const bound = server.address();
    this.#port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  }

  finishConnections(): number {
    return this.#modules.connections.finishAll(this);
  }

  drain(): void {
    this.#closeListening();
    this.#modules.connections.finishAll(this);
  }

  async stop(): Promise<void> {
    this.#closeListening();
    this.#modules.connections.closeAll(this);
  }

  #accept(socket: Socket): void {
    const stream = new NetStream(socket);
    if (!this.#modules.connections.admit(stream.clientKey)) {
      socket.destroy();
      return;
    }
    stream.open(new TcpConnection(stream, this, this.#modules));
  }

  #closeListening(): void {
    this.#server?.close();
    this.#server = null;
    this.#port = 0;
  }
}

/** A stream of node:net. */
class NetStream implements TcpStream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly clientKey: string;
  readonly #socket: Socket;
  #user: TcpStreamUser | null = null;
  /** Node's `drain` event speaks of its own buffer's limit; we wait for an empty one. */
  readonly #onWritten = (): void => {
    if (this.unsentOctets === 0) this.#user?.onDrain();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = endpoint(socket.remoteAddress, socket.remotePort);
    this.local = endpoint(socket.localAddress, socket.localPort);
    this.clientKey = this.remote.address;
  }

  get unsentOctets(): number {
    return this.#socket.writableLength;
  }

  /** Gives `user` what comes, from now on. */
  open(user: TcpStreamUser): void {
    this.#user = user;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => user.receive(chunk, chunk.length));
    socket.on('end', () => user.onEnd());
    socket.on('error', () => user.onBroken());
  }

  write(output: Buffer, length: number): void {
    this.#socket.write(Buffer.from(output.subarray(0, length)), this.#onWritten);
  }

  setReading(isReading: boolean): void {
    if (isReading) this.#socket.resume();
    else this.#socket.pause();
  }

  /** Node keeps nothing back: what has arrived was given or lies in the kernel. */
  readArrived(): void {}

  close(): void {
    this.#user = null;
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }
}

/** An IPv4 client of an IPv6 socket is an IPv4 client. */
function endpoint(address = '', port = 0): Endpoint {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return { family: isIPv4(plain) ? 4 : 6, address: plain, port };
}
