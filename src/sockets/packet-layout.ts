/**
 * How the memory is laid out that recvmmsg(2) and sendmmsg(2) read and write.
 *
 *   | data 0 | data 1 | …      SLOT_STRIDE each: room for the largest datagram, so none is ever cut
 *   | name 0 | name 1 | …      32 each: the sockaddr of the other side
 *   | control 0 | …            64 each: the local address, for sockets bound to the wildcard
 *   | receive iovec 0 | …      16 each: pointer to data, length; iovec n always for slot n
 *   | receive header 0 | …     64 each: struct mmsghdr, header n always for slot n
 *   | send iovec 0 | …         16 each: filled from the front with the answered slots
 *   | send header 0 | …        64 each: the same, with one or several iovecs for each
 *
 * The kernel backs only touched pages with memory: a slot that has seen small packets alone takes
 * one or two pages.
 */

/** Not a power of two: consecutive slots start in different sets of the processor's caches. */
export const SLOT_STRIDE = 65_536 + 320;
export const NAME_STRIDE = 32;
export const CONTROL_STRIDE = 64;
export const IOVEC_STRIDE = 16;
/** Octets of a struct mmsghdr. */
export const HEADER_STRIDE = 64;

/** Fields of a struct mmsghdr, as 32-bit words from its start; pointers take two. */
export const HEADER_WORDS = HEADER_STRIDE / 4;
export const MSG_NAME = 0;
export const MSG_NAMELEN = 2;
export const MSG_IOV = 4;
export const MSG_IOVLEN = 6;
export const MSG_CONTROL = 8;
export const MSG_CONTROLLEN = 10;
export const MSG_LEN = 14;
/** Of a struct iovec. */
export const IOVEC_WORDS = IOVEC_STRIDE / 4;
export const IOV_LEN = 2;

/** Where the parts start, in octets, and how long all is. */
export interface PacketLayout {
  readonly slots: number;
  readonly names: number;
  readonly controls: number;
  readonly receiveIovecs: number;
  readonly receiveHeaders: number;
  readonly sendIovecs: number;
  readonly sendHeaders: number;
  readonly length: number;
}

export function packetLayout(slots: number): PacketLayout {
  const names = slots * SLOT_STRIDE;
  const controls = names + slots * NAME_STRIDE;
  const receiveIovecs = controls + slots * CONTROL_STRIDE;
  const receiveHeaders = receiveIovecs + slots * IOVEC_STRIDE;
  const sendIovecs = receiveHeaders + slots * HEADER_STRIDE;
  const sendHeaders = sendIovecs + slots * IOVEC_STRIDE;
  const length = sendHeaders + slots * HEADER_STRIDE;
  return { slots, names, controls, receiveIovecs, receiveHeaders, sendIovecs, sendHeaders, length };
}

/** Writes an address. Both architectures are little-endian: the lower word comes first. */
export function writePointer(words: Uint32Array, at: number, address: number): void {
  words[at] = address % 2 ** 32;
  words[at + 1] = Math.floor(address / 2 ** 32);
}
