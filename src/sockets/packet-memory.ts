/**
 * The memory that recvmmsg(2) and sendmmsg(2) read and write: one block outside the heap, so its
 * addresses never change.
 *
 *   | data 0 | data 1 | …      SLOT_STRIDE each: room for the largest datagram, so none is ever cut
 *   | name 0 | name 1 | …      32 each: the sockaddr of the other side
 *   | control 0 | …            64 each: the local address, for sockets bound to the wildcard
 *   | iovec 0 | iovec 1 | …    16 each: pointer to data, length
 *   | receive header 0 | …     64 each: struct mmsghdr, header n always for slot n
 *   | send header 0 | …        64 each: struct mmsghdr, filled from the front with the answered slots
 *
 * Slots are answered in place. The kernel backs only touched pages with memory: a slot that has
 * seen small packets alone takes one or two pages.
 */
import { MAX_MESSAGE_LENGTH } from '../dns/header.ts';
import type { Libc } from './libc.ts';

/** Octets that a slot can hold. */
export const SLOT_CAPACITY = MAX_MESSAGE_LENGTH;

/** Not a power of two: consecutive slots start in different sets of the processor's caches. */
const SLOT_STRIDE = 65_536 + 320;
const NAME_STRIDE = 32;
const CONTROL_STRIDE = 64;
const IOVEC_STRIDE = 16;
/** Octets of a struct mmsghdr. */
export const HEADER_STRIDE = 64;

/** Fields of a struct mmsghdr, as 32-bit words from its start; pointers take two. */
const HEADER_WORDS = HEADER_STRIDE / 4;
const MSG_NAME = 0;
const MSG_NAMELEN = 2;
const MSG_IOV = 4;
const MSG_IOVLEN = 6;
const MSG_CONTROL = 8;
const MSG_CONTROLLEN = 10;
const MSG_LEN = 14;
/** Of a struct iovec. */
const IOVEC_WORDS = IOVEC_STRIDE / 4;
const IOV_LEN = 2;

export class PacketMemory {
  readonly slots: number;
  /** All of the block; packets stand at `dataAt(slot)`. */
  readonly packet: Buffer;
  /** Addresses for recvmmsg and sendmmsg. */
  readonly receiveHeaders: number;
  readonly sendHeaders: number;
  readonly #words: Uint32Array;
  readonly #nameStart: number;
  readonly #controlStart: number;
  /** Where the tables start, in words. */
  readonly #iovecs: number;
  readonly #received: number;
  readonly #toSend: number;
  #nameLength = 0;
  #controlLength = 0;

  /** Maps the block. Throws when the kernel refuses. */
  constructor(slots: number, libc: Pick<Libc, 'map'>) {
    const nameStart = slots * SLOT_STRIDE;
    const controlStart = nameStart + slots * NAME_STRIDE;
    const iovecStart = controlStart + slots * CONTROL_STRIDE;
    const receiveStart = iovecStart + slots * IOVEC_STRIDE;
    const sendStart = receiveStart + slots * HEADER_STRIDE;
    const length = sendStart + slots * HEADER_STRIDE;
    const { bytes, address } = libc.map(length);
    this.slots = slots;
    this.packet = Buffer.from(bytes);
    this.receiveHeaders = address + receiveStart;
    this.sendHeaders = address + sendStart;
    this.#words = new Uint32Array(bytes, 0, length / 4);
    this.#nameStart = nameStart;
    this.#controlStart = controlStart;
    this.#iovecs = iovecStart / 4;
    this.#received = receiveStart / 4;
    this.#toSend = sendStart / 4;
    for (let slot = 0; slot < slots; slot++) this.#connect(slot, address);
  }

  /**
   * Fits all headers to one kind of socket: octets of its addresses and of its control messages.
   * Cheap when they are so already. The kernel writes both lengths back, but always the same ones.
   */
  shape(nameLength: number, controlLength: number): void {
    if (nameLength === this.#nameLength && controlLength === this.#controlLength) return;
    this.#nameLength = nameLength;
    this.#controlLength = controlLength;
    const words = this.#words;
    for (let slot = 0; slot < this.slots; slot++) {
      for (const table of [this.#received, this.#toSend]) {
        const header = table + slot * HEADER_WORDS;
        words[header + MSG_NAMELEN] = nameLength;
        words[header + MSG_CONTROLLEN] = controlLength;
      }
    }
  }

  /** Where a slot's packet stands in `packet`. */
  dataAt(slot: number): number {
    return slot * SLOT_STRIDE;
  }

  /** Where a slot's socket address stands in `packet`. */
  nameAt(slot: number): number {
    return this.#nameStart + slot * NAME_STRIDE;
  }

  /** Where a slot's control message stands in `packet`. */
  controlAt(slot: number): number {
    return this.#controlStart + slot * CONTROL_STRIDE;
  }

  /** Octets that recvmmsg put into a slot. */
  receivedLength(slot: number): number {
    return this.#words[this.#received + slot * HEADER_WORDS + MSG_LEN];
  }

  /** Makes the first `length` octets of `slot`, to its name, the `index`-th message to send. */
  putReply(index: number, slot: number, length: number): void {
    const words = this.#words;
    words[this.#iovecs + slot * IOVEC_WORDS + IOV_LEN] = length;
    const from = this.#received + slot * HEADER_WORDS;
    const to = this.#toSend + index * HEADER_WORDS;
    words[to + MSG_NAME] = words[from + MSG_NAME];
    words[to + MSG_NAME + 1] = words[from + MSG_NAME + 1];
    words[to + MSG_IOV] = words[from + MSG_IOV];
    words[to + MSG_IOV + 1] = words[from + MSG_IOV + 1];
    words[to + MSG_CONTROL] = words[from + MSG_CONTROL];
    words[to + MSG_CONTROL + 1] = words[from + MSG_CONTROL + 1];
  }

  /** Gives the first `count` slots their full room back, after their replies were sent. */
  reopen(count: number): void {
    const words = this.#words;
    let at = this.#iovecs + IOV_LEN;
    for (let slot = 0; slot < count; slot++) {
      words[at] = SLOT_CAPACITY;
      at += IOVEC_WORDS;
    }
  }

  /** Writes what never changes: where each header's name, iovec and control message lie. */
  #connect(slot: number, address: number): void {
    const words = this.#words;
    const iovec = this.#iovecs + slot * IOVEC_WORDS;
    writePointer(words, iovec, address + this.dataAt(slot));
    words[iovec + IOV_LEN] = SLOT_CAPACITY;
    for (const table of [this.#received, this.#toSend]) {
      const header = table + slot * HEADER_WORDS;
      writePointer(words, header + MSG_NAME, address + this.nameAt(slot));
      writePointer(words, header + MSG_IOV, address + iovec * 4);
      words[header + MSG_IOVLEN] = 1;
      writePointer(words, header + MSG_CONTROL, address + this.controlAt(slot));
    }
  }
}

/** Both architectures are little-endian: the lower word comes first. */
function writePointer(words: Uint32Array, at: number, address: number): void {
  words[at] = address % 2 ** 32;
  words[at + 1] = Math.floor(address / 2 ** 32);
}
