import type { Client } from '../../../src/dns/query.ts';
import type { Door, PacketHandler } from '../../../src/server/door.ts';

/** What the first octet of a fake query asks for. */
export const ECHO = 0;
export const DROP = 1;
export const LATER = 2;
/** Answered with 20,000 octets of the query's last one. */
export const LARGE = 3;
export const LARGE_LENGTH = 20_000;

/** Answers octets that are no DNS at all, so that a test sees the transport alone. */
export class FakeHandler implements PacketHandler {
  hasBacklog = false;
  handedOn = 0;
  inFlight = 0;
  readonly received: Buffer[] = [];
  /** Clients of LATER queries, with the query, and the family that the door told. */
  readonly waiting: { client: Client; query: Buffer; family: 4 | 6 }[] = [];
  readonly batches: number[] = [];
  onQuery: (query: Buffer) => void = () => {};
  #inBatch = -1;

  batchStart(): void {
    this.#inBatch = 0;
  }

  handle(packet: Buffer, start: number, length: number, capacity: number, door: Door): number {
    if (this.#inBatch < 0) throw new Error('a packet outside a batch');
    this.#inBatch++;
    const query = Buffer.from(packet.subarray(start, start + length));
    this.received.push(query);
    this.onQuery(query);
    if (query[0] === DROP || length === 0) return 0;
    if (query[0] === LATER) {
      this.handedOn++;
      this.waiting.push({ family: door.family, client: door.currentClient(), query });
      return 0;
    }
    if (query[0] === LARGE) {
      if (capacity < LARGE_LENGTH) throw new Error(`only ${capacity} octets of room`);
      packet.fill(query[length - 1], start, start + LARGE_LENGTH);
      return LARGE_LENGTH;
    }
    packet[start + length - 1] ^= 0xff;
    return length;
  }

  batchEnd(): void {
    this.batches.push(this.#inBatch);
    this.#inBatch = -1;
  }
}

/** A query whose reply can be told from all others. */
export function query(kind: number, number: number, length = 8): Buffer {
  const octets = Buffer.alloc(length, 0x55);
  octets[0] = kind;
  octets.writeUInt32BE(number, 1);
  return octets;
}

/** The reply to an ECHO query. */
export function echoed(query: Buffer): Buffer {
  const reply = Buffer.from(query);
  reply[reply.length - 1] ^= 0xff;
  return reply;
}
