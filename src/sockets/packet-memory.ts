/**
 * The memory that datagrams are received in and sent from: one block outside the heap, so its
 * addresses never change (packet-layout.ts). Slots are answered in place.
 */
import { MAX_MESSAGE_LENGTH } from '../dns/header.ts';
import type { Libc } from './libc.ts';
import { Outgoing } from './outgoing.ts';
import {
  CONTROL_STRIDE,
  HEADER_WORDS,
  IOV_LEN,
  IOVEC_STRIDE,
  MSG_CONTROL,
  MSG_CONTROLLEN,
  MSG_IOV,
  MSG_IOVLEN,
  MSG_LEN,
  MSG_NAME,
  MSG_NAMELEN,
  NAME_STRIDE,
  type PacketLayout,
  packetLayout,
  SLOT_STRIDE,
  writePointer,
} from './packet-layout.ts';

/** Octets that a slot can hold. */
export const SLOT_CAPACITY = MAX_MESSAGE_LENGTH;

export class PacketMemory {
  readonly slots: number;
  /** All of the block; packets stand at `dataAt(slot)`. */
  readonly packet: Buffer;
  /** Address of the headers for recvmmsg. */
  readonly receiveHeaders: number;
  /** What is to be sent from the slots. */
  readonly outgoing: Outgoing;
  readonly #layout: PacketLayout;
  readonly #words: Uint32Array;
  #nameLength = 0;
  #controlLength = 0;

  /** Maps the block. Throws when the kernel refuses. */
  constructor(slots: number, libc: Pick<Libc, 'map'>) {
    const layout = packetLayout(slots);
    const { bytes, address } = libc.map(layout.length);
    this.slots = slots;
    this.packet = Buffer.from(bytes);
    this.receiveHeaders = address + layout.receiveHeaders;
    this.#layout = layout;
    this.#words = new Uint32Array(bytes, 0, layout.length / 4);
    for (let slot = 0; slot < slots; slot++) this.#connect(slot, address);
    this.outgoing = new Outgoing(this.#words, address, layout);
  }

  /**
   * Fits all headers to one kind of socket: octets of its addresses and of its control messages.
   * Cheap when they are so already. The kernel writes both lengths back, but always the same ones.
   */
  shape(nameLength: number, controlLength: number): void {
    if (nameLength === this.#nameLength && controlLength === this.#controlLength) return;
    this.#nameLength = nameLength;
    this.#controlLength = controlLength;
    this.outgoing.shape(nameLength, controlLength);
    for (let slot = 0; slot < this.slots; slot++) {
      const header = this.#receiveHeader(slot);
      this.#words[header + MSG_NAMELEN] = nameLength;
      this.#words[header + MSG_CONTROLLEN] = controlLength;
    }
  }

  /** Where a slot's packet stands in `packet`. */
  dataAt(slot: number): number {
    return slot * SLOT_STRIDE;
  }

  /** Where a slot's socket address stands in `packet`. */
  nameAt(slot: number): number {
    return this.#layout.names + slot * NAME_STRIDE;
  }

  /** Where a slot's control message stands in `packet`. */
  controlAt(slot: number): number {
    return this.#layout.controls + slot * CONTROL_STRIDE;
  }

  /** Says what recvmsg(2) returns and recvmmsg(2) writes: the octets that it put into the first slot. */
  setFirstLength(octets: number): void {
    this.#words[this.#receiveHeader(0) + MSG_LEN] = octets;
  }

  /** Octets that were received into a slot. */
  receivedLength(slot: number): number {
    return this.#words[this.#receiveHeader(slot) + MSG_LEN];
  }

  #receiveHeader(slot: number): number {
    return this.#layout.receiveHeaders / 4 + slot * HEADER_WORDS;
  }

  /** Writes what never changes: where each header's name, iovec and control message lie. */
  #connect(slot: number, address: number): void {
    const words = this.#words;
    const iovec = this.#layout.receiveIovecs + slot * IOVEC_STRIDE;
    writePointer(words, iovec / 4, address + this.dataAt(slot));
    words[iovec / 4 + IOV_LEN] = SLOT_CAPACITY;
    const header = this.#receiveHeader(slot);
    writePointer(words, header + MSG_NAME, address + this.nameAt(slot));
    writePointer(words, header + MSG_IOV, address + iovec);
    words[header + MSG_IOVLEN] = 1;
    writePointer(words, header + MSG_CONTROL, address + this.controlAt(slot));
  }
}
