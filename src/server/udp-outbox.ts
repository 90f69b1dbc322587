/**
 * Replies that come later than their query's batch: misses. Upstream answers arrive in bursts, so
 * the replies of one turn of the event loop leave with one system call.
 *
 * Shared by all UDP listeners of the process.
 */
import type { Libc } from '../sockets/libc.ts';
import { PacketMemory, SLOT_CAPACITY } from '../sockets/packet-memory.ts';
import { sendMessages, type UdpEndpoint } from './udp-endpoint.ts';

/** Replies that wait for each other at most. */
const OUTBOX_SLOTS = 32;

export class UdpOutbox {
  readonly #libc: Libc;
  /** BOUNDED by OUTBOX_SLOTS: a full box is sent at once. */
  readonly #memory: PacketMemory;
  readonly #flush = (): void => this.flush();
  /** The socket of the replies in the box. */
  #endpoint: UdpEndpoint | null = null;
  #count = 0;
  #isScheduled = false;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#memory = new PacketMemory(OUTBOX_SLOTS, libc);
  }

  /** Whether replies to one client may leave as one message. */
  set isSegmenting(value: boolean) {
    this.#memory.outgoing.isSegmenting = value;
  }

  /**
   * Copies a reply into the box. It is sent before the event loop waits again.
   *
   * @param name the client's socket address, as latin1 text
   * @param control the control message that came with the query, as latin1 text; may be empty
   */
  push(endpoint: UdpEndpoint, name: string, control: string, message: Buffer): void {
    if (!endpoint.isOpen || message.length === 0 || message.length > SLOT_CAPACITY) return;
    const memory = this.#memory;
    if (this.#endpoint !== endpoint || this.#count === memory.slots) this.flush();
    this.#endpoint = endpoint;
    memory.shape(endpoint.nameLength, endpoint.controlLength);
    const slot = this.#count++;
    const { packet } = memory;
    packet.write(name, memory.nameAt(slot), 'latin1');
    if (control !== '') packet.write(control, memory.controlAt(slot), 'latin1');
    message.copy(packet, memory.dataAt(slot));
    memory.outgoing.add(slot, message.length);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flush);
  }

  /** Sends what is in the box. To be called before a socket is closed. */
  flush(): void {
    this.#isScheduled = false;
    const endpoint = this.#endpoint;
    this.#endpoint = null;
    this.#count = 0;
    if (endpoint?.isOpen === true) sendMessages(endpoint, this.#memory.outgoing, this.#libc);
    else this.#memory.outgoing.clear();
  }
}
