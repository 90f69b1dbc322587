/** Makers of messages and views for the tests of the wire, and arbitrary ones for fast-check. */
import packet from 'dns-packet';
import fc from 'fast-check';
import { type Answer, readAnswer } from '../../../src/dns/answer.ts';
import type { Message, ResourceRecord } from '../../../src/dns/message.ts';
import { Query } from '../../../src/dns/query.ts';
import { QueryView } from '../../../src/dns/query-view.ts';
import { parseRecord } from '../../../src/dns/record-text.ts';

/** Seed of all property tests, so that a failure comes back. */
export const SEED = 20_250_801;

/** A query as a client sends it; `opt` adds an OPT record. */
export function queryWire(
  name: string,
  type: string,
  opt: { size?: number; dnssecOk?: boolean; options?: object[] } | null = null,
  flags = 0x0100,
): Buffer {
  const additionals =
    opt === null
      ? []
      : [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: opt.size ?? 1232,
            flags: opt.dnssecOk ? 0x8000 : 0,
            options: opt.options ?? [],
          },
        ];
  const message = { type: 'query', id: 0x1234, flags, questions: [{ name, type }], additionals };
  return packet.encode(message as packet.Packet);
}

/** `wire` read by a new view. */
export function viewOf(wire: Buffer): QueryView {
  const view = new QueryView();
  view.read(wire, 0, wire.length);
  return view;
}

/** `wire` as the server hands it down the chain. */
export function queryOf(wire: Buffer): Query {
  const client = {
    transport: 'udp',
    family: 4,
    address: '192.0.2.9',
    port: 4321,
    localAddress: '169.254.20.10',
    localPort: 53,
    send() {},
  } as const;
  return new Query(viewOf(wire), wire, 0, {
    client,
    zone: '.',
    server: 'dns://169.254.20.10:53',
    nowMs: 0,
  });
}

/** An answer from upstream with these records, as dns-packet writes it: nothing compressed. */
export function answerOf(name: string, type: string, records: UpstreamRecords): Answer {
  const answer = readAnswer(responseWire(name, type, records));
  if (answer === null) throw new Error('the answer cannot be read');
  return answer;
}

/** Sections of an answer. */
export interface UpstreamRecords {
  readonly flags?: number;
  readonly answers?: object[];
  readonly authorities?: object[];
  readonly additionals?: object[];
}

export function responseWire(name: string, type: string, records: UpstreamRecords): Buffer {
  const { flags = 0x8580, ...sections } = records;
  const message = { type: 'response', id: 7, flags, questions: [{ name, type }], ...sections };
  return packet.encode(message as packet.Packet);
}

/** `count` A records of `name`, as in spec §8.5. */
export function addresses(name: string, count: number, ttl = 60): object[] {
  return Array.from({ length: count }, (_, i) => ({
    name,
    type: 'A',
    ttl,
    data: `10.1.${i >> 8}.${i & 255}`,
  }));
}

/** A label of any octets. */
const label = fc.uint8Array({ minLength: 1, maxLength: 12 });

/** A name in wire form, with any octets in its labels; endings are often the same. */
export const nameArbitrary: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(label, { maxLength: 3 }),
    fc.constantFrom('', '\x07example\x03com', '\x03SVC\x07cluster\x05local'),
  )
  .map(([labels, ending]) =>
    Buffer.concat([
      ...labels.map((octets) => Buffer.from([octets.length, ...octets])),
      Buffer.from(ending, 'latin1'),
      Buffer.from([0]),
    ]),
  );

/** A record of a type with names in its data, or of one without. */
export const recordArbitrary: fc.Arbitrary<ResourceRecord> = fc
  .record({
    name: nameArbitrary,
    kind: fc.constantFrom<[number, number, number, number]>(
      // type, octets before the names, names, octets behind
      [1, 4, 0, 0],
      [2, 0, 1, 0],
      [5, 0, 1, 0],
      [6, 0, 2, 20],
      [12, 0, 1, 0],
      [14, 0, 2, 0],
      [15, 2, 1, 0],
      [17, 0, 2, 0],
      [24, 18, 1, 9],
      [33, 6, 1, 0],
      [39, 0, 1, 0],
      [65280, 30, 0, 0],
    ),
    names: fc.tuple(nameArbitrary, nameArbitrary),
    class: fc.constantFrom(1, 3, 255),
    ttlSeconds: fc.nat({ max: 0xffffffff }),
    fill: fc.nat({ max: 255 }),
  })
  .map(({ name, kind: [type, before, names, behind], fill, ...rest }) => ({
    name,
    type,
    class: rest.class,
    ttlSeconds: rest.ttlSeconds,
    rdata: Buffer.concat([
      Buffer.alloc(before, fill),
      ...rest.names.slice(0, names),
      Buffer.alloc(behind, fill),
    ]),
  }));

/** A response with one question and any records. */
export const responseArbitrary: fc.Arbitrary<Message> = fc.record({
  id: fc.nat({ max: 0xffff }),
  flags: fc.nat({ max: 0xffff }).map((flags) => (flags | 0x8000) & ~0x0200),
  questions: fc.tuple(
    fc.record({ name: nameArbitrary, type: fc.nat({ max: 0xffff }), class: fc.constant(1) }),
  ),
  answers: fc.array(recordArbitrary, { maxLength: 8 }),
  authorities: fc.array(recordArbitrary, { maxLength: 3 }),
  additionals: fc.array(recordArbitrary, { maxLength: 3 }),
});

/** Records from their text. */
export function records(...lines: string[]): ResourceRecord[] {
  return lines.map((line) => parseRecord(line));
}
