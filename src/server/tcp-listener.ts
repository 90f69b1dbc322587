/** A TCP address and port that we answer on, with system calls of our own. */
import type { EpollTarget } from '../sockets/epoll.ts';
import { EAGAIN, EMFILE, ENFILE, EPOLLIN, SOCK_CLOEXEC, SOCK_NONBLOCK } from '../sockets/libc.ts';
import { NAME_LENGTH_V6 } from '../sockets/socket-address.ts';
import { ListenError } from './listen-error.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { openSocket } from './open-socket.ts';
import { SocketStream, type SocketStreamModules } from './socket-stream.ts';
import {
  DEFAULT_TCP_LIMITS,
  TcpConnection,
  type TcpConnectionModules,
  type TcpLimits,
} from './tcp-connection.ts';

/** Connections that the kernel keeps for us; net.core.somaxconn may lower it. */
const BACKLOG = 1024;
/** Connections taken per turn of the event loop. */
const MAX_ACCEPTS = 64;
/** How long to wait when there is no descriptor left and no idle connection to close. */
const NO_DESCRIPTOR_PAUSE_MS = 100;

/** What a listener works with; all but the handler is shared by the listeners of the process. */
export type TcpListenerModules = Omit<TcpConnectionModules, 'output'> & SocketStreamModules;

export class TcpListener implements Listener, EpollTarget {
  readonly transport = 'tcp';
  /** For connections to come; a reload may change them. */
  limits: TcpLimits = DEFAULT_TCP_LIMITS;
  readonly #options: ListenerOptions;
  readonly #modules: TcpListenerModules;
  readonly #connectionModules: TcpConnectionModules;
  #fd = -1;
  #port = 0;
  #pause: NodeJS.Timeout | null = null;

  constructor(options: ListenerOptions, modules: TcpListenerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#connectionModules = { ...modules, output: modules.streamMemory.output };
  }

  get fd(): number {
    return this.#fd;
  }

  get port(): number {
    return this.#port;
  }

  /** Binds and accepts. Rejects with ListenError. */
  async start(): Promise<void> {
    const { libc, epoll } = this.#modules;
    const target = { transport: 'tcp', ...this.#options } as const;
    const socket = openSocket(target, libc);
    if (libc.listen(socket.fd, BACKLOG) < 0) {
      const error = new ListenError(target, 'listen', libc.errno());
      libc.close(socket.fd);
      throw error;
    }
    this.#fd = socket.fd;
    this.#port = socket.port;
    epoll.add(socket.fd, EPOLLIN, this);
  }

  onEvents(): void {
    for (let i = 0; i < MAX_ACCEPTS; i++) {
      if (!this.#accept()) return;
    }
  }

  finishConnections(): number {
    return this.#modules.connections.finishAll(this);
  }

  drain(): void {
    if (this.#fd < 0) return;
    while (this.#accept());
    this.#closeListening();
    this.#modules.connections.finishAll(this);
  }

  async stop(): Promise<void> {
    this.#closeListening();
    this.#modules.connections.closeAll(this);
  }

  /** Takes one connection. False when there is none, or no room for it now. */
  #accept(): boolean {
    const { libc, streamMemory, connections } = this.#modules;
    const { name, nameAddress, nameLength, nameLengthAddress } = streamMemory;
    nameLength.writeUInt32LE(NAME_LENGTH_V6);
    const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = libc.accept4(this.#fd, nameAddress, nameLengthAddress, flags);
    if (fd < 0) return this.#acceptLater(libc.errno());
    const text = name.toString('latin1', 0, nameLength.readUInt32LE());
    const stream = new SocketStream(fd, text, this.#modules);
    if (!connections.admit(stream.clientKey)) {
      libc.close(fd);
      return true;
    }
    stream.open(new TcpConnection(stream, this, this.#connectionModules));
    // Most have asked: the kernel waits for that (TCP_DEFER_ACCEPT).
    stream.onEvents(EPOLLIN);
    return true;
  }

  /** Whether to go on at once after an accept that failed. */
  #acceptLater(errno: number): boolean {
    if (errno === EAGAIN) return false;
    if (errno !== EMFILE && errno !== ENFILE) {
      // Errors of the connection that was about to come (accept(2)): it is gone, take the next.
      return true;
    }
    if (this.#modules.connections.closeOldestIdle()) return true;
    // The listening socket stays readable: without a pause we would do nothing else.
    this.#modules.epoll.change(this.#fd, 0);
    this.#pause ??= setTimeout(() => {
      this.#pause = null;
      this.#modules.epoll.change(this.#fd, EPOLLIN);
    }, NO_DESCRIPTOR_PAUSE_MS);
    return false;
  }

  #closeListening(): void {
    if (this.#fd < 0) return;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    this.#modules.epoll.remove(this.#fd, true);
    this.#modules.libc.close(this.#fd);
    this.#fd = -1;
    this.#port = 0;
  }
}
