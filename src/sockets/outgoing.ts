/**
 * What one call of sendmmsg(2) is to send.
 *
 * Datagrams to the same client are given to the kernel as one message (UDP_SEGMENT, udp(7)): it goes
 * through routing, firewall and interface once, and is cut at the client's socket. Off until
 * `isSegmenting` is set.
 */
import { AF_INET, EIO, type Libc, SOCK_CLOEXEC, SOCK_DGRAM, SOL_UDP, UDP_SEGMENT } from './libc.ts';
import {
  CONTROL_STRIDE,
  HEADER_WORDS,
  IOV_LEN,
  IOVEC_STRIDE,
  IOVEC_WORDS,
  MSG_CONTROL,
  MSG_CONTROLLEN,
  MSG_IOV,
  MSG_IOVLEN,
  MSG_NAME,
  MSG_NAMELEN,
  NAME_STRIDE,
  type PacketLayout,
  writePointer,
} from './packet-layout.ts';

/**
 * Longer datagrams go alone. As many of these as a message may hold fit in the 65,507 octets of one,
 * and each in the MTU of every interface that carries IPv6 (RFC 8200 §5: 1,280).
 */
const MAX_SEGMENT_OCTETS = 1000;
/** UDP_MAX_SEGMENTS of the first kernels with the option. */
const MAX_SEGMENTS = 64;

/** A struct cmsghdr with 16 bits in it, without and with padding (CMSG_LEN, CMSG_SPACE). */
const SEGMENT_CONTROL_LENGTH = 18;
const SEGMENT_CONTROL_SPACE = 24;

/** Where the message of a client is looked for. A power of two. */
const BUCKETS = 64;
const NONE = -1;

/**
 * Whether this kernel knows UDP_SEGMENT (Linux 4.18). One that does not would send what it should cut
 * as one datagram, so it has to be asked first.
 */
export function knowsSegments(libc: Pick<Libc, 'socket' | 'setsockopt' | 'close'>): boolean {
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const off = Buffer.alloc(4);
  const isKnown = libc.setsockopt(fd, SOL_UDP, UDP_SEGMENT, off, off.length) === 0;
  libc.close(fd);
  return isKnown;
}

export class Outgoing {
  /** Address of the first header. */
  readonly headers: number;
  /** Whether datagrams may be put together. */
  isSegmenting = false;
  readonly #words: Uint32Array;
  readonly #layout: PacketLayout;
  /** Address of the send iovecs. */
  readonly #iovecs: number;
  #nameLength = 0;
  #controlLength = 0;
  /** How many messages there are, and of each: first and last slot, datagrams, octets of all but the last. */
  #count = 0;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #datagrams: Int32Array;
  readonly #segment: Int32Array;
  /** The slot that follows a slot in its message, and the octets in it. */
  readonly #next: Int32Array;
  readonly #lengths: Int32Array;
  /** The latest message to a client, by a hash of its address: two that share one cost a message more. */
  readonly #latest = new Int32Array(BUCKETS).fill(NONE);

  /** For memory that starts at `address` and that `words` shows. */
  constructor(words: Uint32Array, address: number, layout: PacketLayout) {
    const { slots } = layout;
    this.headers = address + layout.sendHeaders;
    this.#words = words;
    this.#layout = layout;
    this.#iovecs = address + layout.sendIovecs;
    this.#first = new Int32Array(slots);
    this.#last = new Int32Array(slots);
    this.#datagrams = new Int32Array(slots);
    this.#segment = new Int32Array(slots);
    this.#next = new Int32Array(slots);
    this.#lengths = new Int32Array(slots);
  }

  /** Octets of the socket addresses, and of the control messages that stand in the slots. */
  shape(nameLength: number, controlLength: number): void {
    this.#nameLength = nameLength;
    this.#controlLength = controlLength;
  }

  /** Has the first `length` octets of `slot` sent to its socket address. Once for a slot. */
  add(slot: number, length: number): void {
    this.#lengths[slot] = length;
    // Replies of a wildcard socket say which address they leave from: those go alone, too.
    if (!this.isSegmenting || this.#controlLength !== 0 || length > MAX_SEGMENT_OCTETS) {
      this.#begin(slot, length);
      return;
    }
    const name = this.#nameOf(slot);
    // The port, and the end of an IPv4 address. Of an IPv6 one the flow stands there: 0.
    const hash = this.#words[name] ^ this.#words[name + 1];
    const bucket = ((hash >>> 24) ^ (hash >>> 16)) & (BUCKETS - 1);
    const message = this.#latest[bucket];
    if (message === NONE || !this.#join(message, slot, length)) {
      this.#latest[bucket] = this.#begin(slot, length);
    }
  }

  /** Writes the headers. Returns how many messages there are. */
  seal(): number {
    let iovec = 0;
    for (let message = 0; message < this.#count; message++) {
      this.#writeHeader(message, iovec);
      iovec = this.#writeIovecs(message, iovec);
    }
    return this.#count;
  }

  /** How many datagrams are in a message. */
  datagramsIn(message: number): number {
    return this.#datagrams[message];
  }

  /**
   * For a message of several datagrams that the kernel refused, with `errno`: from it on each goes
   * alone. Returns how many messages there are then.
   */
  unfold(message: number, errno: number): number {
    // Somewhere on the way checksums are not computed: it would be refused each time.
    if (errno === EIO) this.isSegmenting = false;
    const slots: number[] = [];
    for (let i = message; i < this.#count; i++) {
      let slot = this.#first[i];
      for (let n = this.#datagrams[i]; n > 0; n--) {
        slots.push(slot);
        slot = this.#next[slot];
      }
    }
    this.#count = message;
    for (const slot of slots) this.#begin(slot, this.#lengths[slot]);
    return this.seal();
  }

  /** Forgets all, for the next batch. */
  clear(): void {
    this.#count = 0;
    if (this.isSegmenting) this.#latest.fill(NONE);
  }

  #begin(slot: number, length: number): number {
    const message = this.#count++;
    this.#first[message] = slot;
    this.#last[message] = slot;
    this.#datagrams[message] = 1;
    this.#segment[message] = length;
    return message;
  }

  /** False when the datagram cannot go with this message. */
  #join(message: number, slot: number, length: number): boolean {
    const last = this.#last[message];
    const segment = this.#segment[message];
    const count = this.#datagrams[message];
    // udp(7): all segments are of one length, but the last may be shorter. So nothing follows that.
    if (this.#lengths[last] !== segment || count === MAX_SEGMENTS) return false;
    if (!this.#isSameClient(last, slot)) return false;
    if (length <= segment) {
      this.#next[last] = slot;
      this.#last[message] = slot;
    } else if (count === 1) {
      // A and AAAA of one name: datagrams may come in any order, so the longer one goes first.
      this.#next[slot] = last;
      this.#first[message] = slot;
      this.#segment[message] = length;
    } else {
      return false;
    }
    this.#datagrams[message] = count + 1;
    return true;
  }

  #isSameClient(slot: number, other: number): boolean {
    const words = this.#words;
    const a = this.#nameOf(slot);
    const b = this.#nameOf(other);
    for (let i = this.#nameLength / 4 - 1; i >= 0; i--) {
      if (words[a + i] !== words[b + i]) return false;
    }
    return true;
  }

  #writeHeader(message: number, iovec: number): void {
    const words = this.#words;
    const { receiveHeaders, sendHeaders, controls } = this.#layout;
    const slot = this.#first[message];
    const from = receiveHeaders / 4 + slot * HEADER_WORDS;
    const to = sendHeaders / 4 + message * HEADER_WORDS;
    words[to + MSG_NAME] = words[from + MSG_NAME];
    words[to + MSG_NAME + 1] = words[from + MSG_NAME + 1];
    words[to + MSG_NAMELEN] = this.#nameLength;
    writePointer(words, to + MSG_IOV, this.#iovecs + iovec * IOVEC_STRIDE);
    words[to + MSG_IOVLEN] = this.#datagrams[message];
    words[to + MSG_CONTROL] = words[from + MSG_CONTROL];
    words[to + MSG_CONTROL + 1] = words[from + MSG_CONTROL + 1];
    words[to + MSG_CONTROLLEN] = this.#controlLength;
    if (this.#datagrams[message] === 1) return;
    words[to + MSG_CONTROLLEN] = SEGMENT_CONTROL_SPACE;
    this.#writeSegmentControl((controls + slot * CONTROL_STRIDE) / 4, this.#segment[message]);
  }

  /** A struct cmsghdr: its length in 64 bits, level, type, and the octets of a segment in 16 bits. */
  #writeSegmentControl(at: number, octets: number): void {
    const words = this.#words;
    words[at] = SEGMENT_CONTROL_LENGTH;
    words[at + 1] = 0;
    words[at + 2] = SOL_UDP;
    words[at + 3] = UDP_SEGMENT;
    words[at + 4] = octets;
  }

  /** Returns where the next message's iovecs stand. */
  #writeIovecs(message: number, iovec: number): number {
    const words = this.#words;
    const { receiveIovecs, sendIovecs } = this.#layout;
    let to = sendIovecs / 4 + iovec * IOVEC_WORDS;
    let slot = this.#first[message];
    const count = this.#datagrams[message];
    for (let n = 0; n < count; n++) {
      const from = receiveIovecs / 4 + slot * IOVEC_WORDS;
      words[to] = words[from];
      words[to + 1] = words[from + 1];
      words[to + IOV_LEN] = this.#lengths[slot];
      to += IOVEC_WORDS;
      slot = this.#next[slot];
    }
    return iovec + count;
  }

  #nameOf(slot: number): number {
    return (this.#layout.names + slot * NAME_STRIDE) / 4;
  }
}
