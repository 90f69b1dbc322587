/** What UDP ports are made of: sockets with batched system calls, or Node's where there are none. */
import { Epoll } from '../sockets/epoll.ts';
import { type Libc, loadLibc } from '../sockets/libc.ts';
import { PacketMemory } from '../sockets/packet-memory.ts';
import type { Attempt } from './attempt.ts';
import { BatchedSockets } from './batched-sockets.ts';
import { DgramSockets } from './dgram-sockets.ts';

/** Where the upstream is and where queries leave from. */
export interface UdpTarget {
  readonly address: string;
  readonly port: number;
  /** '' for the kernel's choice. */
  readonly sourceAddress: string;
}

/** Opens sockets towards upstreams, each on a port that the kernel draws. */
export interface UdpSockets {
  open(target: UdpTarget, owner: UdpSocketOwner): UdpSocket;
}

export interface UdpSocket {
  /** Holds queries of this turn of the event loop, which will leave together. */
  readonly isGathering: boolean;
  /** Sends the attempt's message before the event loop waits again, unless it is forgotten by then. */
  send(attempt: Attempt): void;
  close(): void;
}

/** What the owner of a socket is told. */
export interface UdpSocketOwner {
  /** A datagram from the upstream's address and port; valid during the call. */
  received(packet: Buffer, start: number, end: number): void;
  /** A datagram from anywhere else. */
  strayed(): void;
  /** An ICMP error, or no way to send: what waits here waits in vain. */
  broke(problem: string): void;
}

let shared: UdpSockets | null = null;

/** The sockets of the process, which share their memory. */
export function udpSockets(): UdpSockets {
  const { libc } = loadLibc();
  shared ??= libc === null ? new DgramSockets() : batchedSockets(libc);
  return shared;
}

/** Datagrams per system call: replies come in smaller groups than clients' queries. */
const BATCH_SLOTS = 32;

export function batchedSockets(libc: Libc): UdpSockets {
  return new BatchedSockets({
    libc,
    memory: new PacketMemory(BATCH_SLOTS, libc),
    epoll: new Epoll(libc),
  });
}
