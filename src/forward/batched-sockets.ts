/**
 * UDP sockets towards upstreams that send and receive many datagrams per system call.
 *
 * Queries of one turn of the event loop are gathered and leave together at its end. Replies are read
 * in the receive slots where they lie. A socket is not connected: so we see, and count, what comes
 * from elsewhere. ICMP errors come with IP_RECVERR.
 */
import type { Epoll, EpollTarget } from '../sockets/epoll.ts';
import {
  AF_INET,
  EAGAIN,
  EPOLLIN,
  IP_RECVERR,
  IPV6_RECVERR,
  type Libc,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
} from '../sockets/libc.ts';
import { HEADER_STRIDE } from '../sockets/packet-layout.ts';
import type { PacketMemory } from '../sockets/packet-memory.ts';
import { encodeSocketAddress, NAME_LENGTH_V4 } from '../sockets/socket-address.ts';
import type { Attempt } from './attempt.ts';
import { describeErrno } from './socket-problem.ts';
import type { UdpSocket, UdpSocketOwner, UdpSockets, UdpTarget } from './udp-sockets.ts';

/** Where the address stands in a sockaddr_in, and in a sockaddr_in6, with the scope behind it. */
const ADDRESS_AT_V4 = 4;
const ADDRESS_END_V4 = 8;
const ADDRESS_AT_V6 = 8;

/** An int of 1, as setsockopt takes it. */
const ON = Buffer.from([1, 0, 0, 0]);

/** Full batches read in one go, before others get their turn. */
const MAX_ROUNDS = 4;

/** Shared by all sockets: each is done with the memory before the next one begins. */
interface BatchModules {
  readonly libc: Libc;
  readonly memory: PacketMemory;
  readonly epoll: Epoll;
}

export class BatchedSockets implements UdpSockets {
  readonly #modules: BatchModules;
  /** Sockets that hold queries. BOUNDED by the ports of all upstreams. */
  #gathering: BatchedSocket[] = [];
  #isDue = false;
  readonly #flush = (): void => this.#sendAll();

  constructor(modules: BatchModules) {
    this.#modules = modules;
  }

  open(target: UdpTarget, owner: UdpSocketOwner): UdpSocket {
    return new BatchedSocket(target, { ...this.#modules, owner, sockets: this });
  }

  /** Sends what `socket` holds at the end of this turn. */
  schedule(socket: BatchedSocket): void {
    this.#gathering.push(socket);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.#flush);
  }

  #sendAll(): void {
    const gathered = this.#gathering;
    this.#gathering = [];
    this.#isDue = false;
    for (const socket of gathered) socket.flush();
  }
}

class BatchedSocket implements UdpSocket, EpollTarget {
  readonly #libc: Libc;
  readonly #memory: PacketMemory;
  readonly #epoll: Epoll;
  readonly #owner: UdpSocketOwner;
  readonly #sockets: BatchedSockets;
  /** The upstream's sockaddr. */
  readonly #peer: Buffer;
  /** Queries of this turn. BOUNDED by what may wait on one port. */
  #unsent: Attempt[] = [];
  /** −1: not open. */
  #fd = -1;
  /** Why it could not be opened. */
  #errno = 0;

  constructor(
    target: UdpTarget,
    modules: BatchModules & { owner: UdpSocketOwner; sockets: BatchedSockets },
  ) {
    this.#libc = modules.libc;
    this.#memory = modules.memory;
    this.#epoll = modules.epoll;
    this.#owner = modules.owner;
    this.#sockets = modules.sockets;
    this.#peer = encodeSocketAddress(target.address, target.port);
    this.#open(target.sourceAddress);
  }

  get isGathering(): boolean {
    return this.#unsent.length > 0;
  }

  send(attempt: Attempt): void {
    if (this.#unsent.length === 0) this.#sockets.schedule(this);
    this.#unsent.push(attempt);
  }

  /** Sends the queries of this turn. */
  flush(): void {
    const attempts = this.#unsent;
    this.#unsent = [];
    if (this.#fd < 0) {
      if (this.#errno !== 0) this.#owner.broke(describeErrno(this.#errno));
      return;
    }
    const memory = this.#memory;
    memory.shape(this.#peer.length, 0);
    for (let at = 0; at < attempts.length && this.#fd >= 0; at += memory.slots) {
      this.#sendSome(attempts, at, Math.min(at + memory.slots, attempts.length));
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#epoll.remove(this.#fd, true);
    this.#libc.close(this.#fd);
    this.#fd = -1;
  }

  onEvents(): void {
    const memory = this.#memory;
    memory.shape(this.#peer.length, 0);
    for (let round = 0; round < MAX_ROUNDS && this.#fd >= 0; round++) {
      const { receiveHeaders, slots } = memory;
      const count = this.#libc.recvmmsg(this.#fd, receiveHeaders, slots, MSG_DONTWAIT, 0);
      if (count < 0) {
        this.#brokeWith(this.#libc.errno());
        return;
      }
      this.#handOver(count);
      if (count < slots) return;
    }
  }

  #open(sourceAddress: string): void {
    const libc = this.#libc;
    const family = this.#peer.readUInt16LE(0);
    const fd = libc.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      this.#errno = libc.errno();
      return;
    }
    if (family === AF_INET) libc.setsockopt(fd, SOL_IP, IP_RECVERR, ON, ON.length);
    else libc.setsockopt(fd, SOL_IPV6, IPV6_RECVERR, ON, ON.length);
    if (sourceAddress !== '') {
      const name = encodeSocketAddress(sourceAddress, 0);
      if (libc.bind(fd, name, name.length) < 0) {
        this.#errno = libc.errno();
        libc.close(fd);
        return;
      }
    }
    this.#fd = fd;
    this.#epoll.add(fd, EPOLLIN, this);
  }

  #sendSome(attempts: readonly Attempt[], from: number, to: number): void {
    const memory = this.#memory;
    let count = 0;
    for (let i = from; i < to; i++) {
      const attempt = attempts[i];
      // Answered by another upstream in the meantime, or given up.
      if (attempt.carrier === null) continue;
      this.#writePeer(memory.nameAt(count));
      memory.outgoing.add(count, attempt.write(memory.packet, memory.dataAt(count)));
      count++;
    }
    memory.outgoing.seal();
    let done = 0;
    let errno = 0;
    while (done < count && errno === 0) {
      const headers = memory.outgoing.headers + done * HEADER_STRIDE;
      const sent = this.#libc.sendmmsg(this.#fd, headers, count - done, MSG_DONTWAIT);
      if (sent > 0) done += sent;
      else errno = this.#libc.errno();
    }
    memory.outgoing.clear();
    if (errno !== 0) this.#brokeWith(errno);
  }

  /** No room or nothing there is no fault: what is not sent will be overdue, and asked again. */
  #brokeWith(errno: number): void {
    if (errno !== EAGAIN) this.#owner.broke(describeErrno(errno));
  }

  #handOver(count: number): void {
    const memory = this.#memory;
    for (let slot = 0; slot < count; slot++) {
      if (!this.#isFromPeer(memory.nameAt(slot))) {
        this.#owner.strayed();
        continue;
      }
      const start = memory.dataAt(slot);
      this.#owner.received(memory.packet, start, start + memory.receivedLength(slot));
    }
  }

  /** RFC 5452 §9.1: the answer's source must be the address and the port that were asked. */
  #isFromPeer(at: number): boolean {
    const { packet } = this.#memory;
    const peer = this.#peer;
    if (packet[at + 2] !== peer[2] || packet[at + 3] !== peer[3]) return false;
    const isV4 = peer.length === NAME_LENGTH_V4;
    const end = isV4 ? ADDRESS_END_V4 : peer.length;
    for (let i = isV4 ? ADDRESS_AT_V4 : ADDRESS_AT_V6; i < end; i++) {
      if (packet[at + i] !== peer[i]) return false;
    }
    return true;
  }

  #writePeer(at: number): void {
    const { packet } = this.#memory;
    const peer = this.#peer;
    for (let i = 0; i < peer.length; i++) packet[at + i] = peer[i];
  }
}
