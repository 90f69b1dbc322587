/** A TCP stream through system calls of our own: a third of what node:net costs per connection. */
import type { Epoll, EpollTarget } from '../sockets/epoll.ts';
import {
  EAGAIN,
  EPOLLIN,
  EPOLLOUT,
  type Libc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
} from '../sockets/libc.ts';
import {
  decodeSocketAddress,
  type Endpoint,
  endpointOfName,
  NAME_LENGTH_V6,
} from '../sockets/socket-address.ts';
import { INPUT_OCTETS, OUTPUT_OCTETS } from './tcp-connection.ts';
import type { TcpStream, TcpStreamUser } from './tcp-stream.ts';

/** Reads that `readArrived` does: as much as a receive buffer usually holds. */
const MAX_READS = 16;

/** Memory that the kernel reads and writes, shared by all streams: used within one call only. */
export class StreamMemory {
  readonly input: Buffer;
  readonly inputAddress: number;
  readonly output: Buffer;
  readonly outputAddress: number;
  /** A sockaddr and its length, for accept4. */
  readonly name: Buffer;
  readonly nameAddress: number;
  readonly nameLength: Buffer;
  readonly nameLengthAddress: number;

  constructor(libc: Pick<Libc, 'map'>) {
    const { bytes, address } = libc.map(INPUT_OCTETS + OUTPUT_OCTETS + 64);
    const nameAt = INPUT_OCTETS + Math.ceil(OUTPUT_OCTETS / 8) * 8;
    this.input = Buffer.from(bytes, 0, INPUT_OCTETS);
    this.inputAddress = address;
    this.output = Buffer.from(bytes, INPUT_OCTETS, OUTPUT_OCTETS);
    this.outputAddress = address + INPUT_OCTETS;
    this.name = Buffer.from(bytes, nameAt, NAME_LENGTH_V6);
    this.nameAddress = address + nameAt;
    this.nameLength = Buffer.from(bytes, nameAt + 32, 4);
    this.nameLengthAddress = address + nameAt + 32;
  }
}

/** What streams work with. */
export interface SocketStreamModules {
  readonly libc: Libc;
  readonly epoll: Epoll;
  readonly streamMemory: StreamMemory;
}

export class SocketStream implements TcpStream, EpollTarget {
  readonly #fd: number;
  /** The client's socket address as the kernel wrote it, as latin1 text. */
  readonly #name: string;
  readonly #modules: SocketStreamModules;
  #remote: Endpoint | null = null;
  #user: TcpStreamUser | null = null;
  /** What the kernel did not take. BOUNDED by its user, who closes when it is too much. */
  #unsent: Buffer | null = null;
  #isReading = true;

  constructor(fd: number, name: string, modules: SocketStreamModules) {
    this.#fd = fd;
    this.#name = name;
    this.#modules = modules;
  }

  get clientKey(): string {
    const { length } = this.#name;
    return length === NAME_LENGTH_V6 ? this.#name.slice(8, 24) : this.#name.slice(4, 8);
  }

  get remote(): Endpoint {
    this.#remote ??= endpointOfName(this.#name);
    return this.#remote;
  }

  get local(): Endpoint {
    const { libc } = this.#modules;
    const name = Buffer.alloc(NAME_LENGTH_V6);
    const length = Buffer.from(Uint32Array.of(NAME_LENGTH_V6).buffer);
    libc.getsockname(this.#fd, name, length);
    return decodeSocketAddress(name);
  }

  get unsentOctets(): number {
    return this.#unsent === null ? 0 : this.#unsent.length;
  }

  /** Gives `user` what comes, from now on. */
  open(user: TcpStreamUser): void {
    this.#user = user;
    this.#modules.epoll.add(this.#fd, EPOLLIN, this);
  }

  onEvents(events: number): void {
    if ((events & EPOLLOUT) !== 0) this.#writeUnsent();
    if ((events & ~EPOLLOUT) === 0) return;
    if (this.#isReading) this.#read();
    // We asked for nothing, so it is an error or the end of both directions.
    else if ((events & EPOLLIN) === 0) this.#user?.onBroken();
  }

  write(output: Buffer, length: number): void {
    if (this.#unsent !== null) {
      this.#unsent = Buffer.concat([this.#unsent, output.subarray(0, length)]);
      return;
    }
    const sent = this.#send(output, length);
    if (sent < 0 || sent === length) return;
    this.#unsent = Buffer.from(output.subarray(sent, length));
    this.#updateEvents();
  }

  setReading(isReading: boolean): void {
    this.#isReading = isReading;
    this.#updateEvents();
  }

  readArrived(): void {
    for (let i = 0; i < MAX_READS && this.#user !== null && this.#isReading; i++) {
      if (!this.#read()) return;
    }
  }

  close(): void {
    if (this.#user === null) return;
    this.#user = null;
    this.#unsent = null;
    this.#modules.epoll.remove(this.#fd, true);
    this.#modules.libc.close(this.#fd);
  }

  /** Reads once. False when there was nothing. */
  #read(): boolean {
    const { libc, streamMemory } = this.#modules;
    const { input, inputAddress } = streamMemory;
    const length = libc.recv(this.#fd, inputAddress, INPUT_OCTETS, MSG_DONTWAIT);
    if (length > 0) this.#user?.receive(input, length);
    else if (length === 0) this.#user?.onEnd();
    else if (libc.errno() !== EAGAIN) this.#user?.onBroken();
    return length > 0;
  }

  /** Octets that were sent; −1 when the stream is broken, which the next event says. */
  #send(output: Buffer, length: number): number {
    const { libc, streamMemory } = this.#modules;
    if (output !== streamMemory.output) output.copy(streamMemory.output, 0, 0, length);
    const sent = libc.send(
      this.#fd,
      streamMemory.outputAddress,
      length,
      MSG_DONTWAIT | MSG_NOSIGNAL,
    );
    if (sent >= 0) return sent;
    return libc.errno() === EAGAIN ? 0 : -1;
  }

  #writeUnsent(): void {
    if (this.#unsent === null) return;
    const chunk = this.#unsent.subarray(0, OUTPUT_OCTETS);
    const sent = this.#send(chunk, chunk.length);
    if (sent < 0) return;
    const rest = this.#unsent.subarray(sent);
    this.#unsent = rest.length === 0 ? null : rest;
    if (this.#unsent !== null) return;
    this.#updateEvents();
    this.#user?.onDrain();
  }

  #updateEvents(): void {
    if (this.#user === null) return;
    const events = (this.#isReading ? EPOLLIN : 0) | (this.#unsent === null ? 0 : EPOLLOUT);
    this.#modules.epoll.change(this.#fd, events);
  }
}
