/** Between the sockets and the handler: where a packet came in, and what is done with it. */
import type { Client } from '../dns/query.ts';
import type { Moment } from '../log/clock.ts';

/** The transport side of one listener, as the handler sees it. */
export interface Door {
  readonly transport: 'udp' | 'tcp';
  /** Of the sender of the packet being handled; an IPv4 address on an IPv6 socket is IPv4. */
  readonly family: 4 | 6;
  /**
   * The sender of the packet being handled, for a reply that comes later. Only to be called within
   * `handle`; allocates, so only off the hit path.
   */
  currentClient(): Client;
}

/** Answers packets. One per listening address and port; its UDP and TCP doors share it. */
export interface PacketHandler {
  /** Whether queries wait for the processor: then there is something better to do than wait for more. */
  readonly hasBacklog: boolean;
  /** Queries so far that left something to be done later: all but those answered on the spot. */
  readonly handedOn: number;
  /** Queries of now that have no outcome yet: their answers come through the event loop. */
  readonly inFlight: number;
  /** Says what time it is, once per batch; `handle` reads no clock. */
  batchStart(at: Moment): void;
  /**
   * Answers the message at `packet[start..start + length)` in place: the reply stands at `start`.
   * At most `capacity` octets from `start` may be written. Never throws.
   *
   * @returns octets to send; 0: nothing to send now (dropped, or the client hears later)
   */
  handle(packet: Buffer, start: number, length: number, capacity: number, door: Door): number;
  /** The batch is over and its replies were given to the kernel: time to count durations. */
  batchEnd(at: Moment): void;
}
