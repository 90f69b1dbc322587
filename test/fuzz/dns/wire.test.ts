/** Octets from outside: whatever they are, reading them ends, and never with an exception. */
import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { readAnswer } from '../../../src/dns/answer.ts';
import { findOpt, optionsOf } from '../../../src/dns/edns.ts';
import { decodeMessage, encodeMessage } from '../../../src/dns/message.ts';
import { nameToText } from '../../../src/dns/name.ts';
import { QueryView, READ_BADVERS, READ_DROP, READ_OK } from '../../../src/dns/query-view.ts';
import { recordToText } from '../../../src/dns/record-text.ts';
import { DOES_NOT_FIT, writeRcode, writeReply } from '../../../src/dns/reply.ts';
import { truncateReply } from '../../../src/dns/truncate.ts';
import { queryWire, responseArbitrary } from '../../unit/dns/messages.ts';
import { FUZZ_TIMEOUT_MS, runs } from '../budget.ts';
import { mutate, mutations } from '../mutation.ts';

const RUNS = runs(2000);

vi.setConfig({ testTimeout: FUZZ_TIMEOUT_MS });

/** A valid message with a few octets changed, cut or repeated. */
function mutated(base: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.tuple(base, mutations).map(([wire, mutation]) => mutate(wire, mutation));
}

const random = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets));
const responses = fc.oneof(
  random,
  mutated(responseArbitrary.map((message) => encodeMessage(message))),
);
const queries = fc.oneof(
  random,
  mutated(
    fc
      .tuple(fc.constantFrom('a.test', 'Some.Longer.Name.example', '.'), fc.boolean())
      .map(([name, opt]) =>
        queryWire(name, 'A', opt ? { options: [{ code: 3, data: Buffer.alloc(5) }] } : null),
      ),
  ),
);

describe('queries', () => {
  const view = new QueryView();

  test('every message ends in one of the outcomes, and can be answered in its own room', () => {
    fc.assert(
      fc.property(queries, (wire) => {
        const outcome = view.read(wire, 0, wire.length);
        expect(outcome).toBeGreaterThanOrEqual(READ_OK);
        expect(outcome).toBeLessThanOrEqual(READ_BADVERS);
        if (outcome === READ_DROP) return;
        expect(view.questionEnd).toBeLessThanOrEqual(wire.length);
        expect(writeRcode(view, Buffer.from(wire), 0, 1)).toBeLessThanOrEqual(wire.length);
      }),
      RUNS,
    );
  });

  test('what the view reads is what decoding finds', () => {
    fc.assert(
      fc.property(queries, (wire) => {
        const outcome = view.read(wire, 0, wire.length);
        if (outcome !== READ_OK) return;
        const oracle = decodeMessage(wire);
        // The view does not follow pointers in owners of records it has no use for.
        if (oracle === null) return;
        const opt = oracle.additionals.find(({ type }) => type === 41);
        expect(view.qtype).toBe(oracle.questions[0].type);
        expect(view.questionEnd).toBe(12 + oracle.questions[0].name.length + 4);
        expect(view.hasOpt).toBe(opt !== undefined);
        expect(view.ednsSize).toBe(opt?.class ?? 0);
        const found = findOpt(wire);
        expect(found !== null).toBe(view.hasOpt);
        if (opt?.rdata.length === 0) expect(optionsOf(wire)).toEqual([]);
      }),
      RUNS,
    );
  });
});

describe('responses', () => {
  test('what is accepted can be decoded, by us and by dns-packet, and shown', () => {
    fc.assert(
      fc.property(responses, (wire) => {
        const answer = readAnswer(wire);
        if (answer === null) return;
        const message = decodeMessage(answer.wire);
        if (message === null) throw new Error('accepted, but cannot be decoded');
        const records = [message.answers, message.authorities, message.additionals].flat();
        expect(answer.ttlOffsets).toHaveLength(records.length);
        for (const record of records) expect(recordToText(record)).not.toBe('');
        const spelledOut = records.reduce(
          (sum, { name, rdata }) => sum + name.length + 10 + rdata.length,
          answer.questionEnd,
        );
        expect(answer.uncompressedLength).toBe(spelledOut);
        expect(() => packet.decode(encodeMessage({ ...message, ...bare(message) }))).not.toThrow();
      }),
      RUNS,
    );
  });

  test('every accepted answer can be sent whole or cut, at any limit', () => {
    fc.assert(
      fc.property(
        responses,
        fc.integer({ min: 300, max: 700 }),
        fc.boolean(),
        (wire, limit, hasOpt) => {
          const answer = readAnswer(wire);
          if (answer === null) return;
          const asked = {
            flags: 0x0100,
            questionEnd: answer.questionEnd,
            hasOpt,
            ednsSize: limit,
            dnssecOk: true,
          };
          const memory = Buffer.alloc(2000);
          answer.wire.copy(memory, 0, 0, answer.questionEnd);
          const length = writeReply(answer, asked, memory, 0, limit, 0, null, 0);
          const reply =
            length === DOES_NOT_FIT
              ? truncateReply(answer, asked, memory, 0, limit, 0)
              : memory.subarray(0, length);
          expect(reply.length).toBeLessThanOrEqual(limit);
          expect(decodeMessage(reply)).not.toBeNull();
        },
      ),
      RUNS,
    );
  });

  test('names are read from any place of any octets', () => {
    fc.assert(
      fc.property(responses, fc.nat({ max: 320 }), (wire, at) => {
        expect(nameToText(wire, at).length).toBeLessThanOrEqual(255 * 4);
      }),
      RUNS,
    );
  });
});

/** Only the records whose data dns-packet reads without an opinion on it. */
function bare(message: { answers: readonly { type: number }[] }): object {
  const plain = new Set([2, 5, 12]);
  const keep = (list: readonly { type: number }[]) => list.filter(({ type }) => plain.has(type));
  return { answers: keep(message.answers), authorities: [], additionals: [] };
}
