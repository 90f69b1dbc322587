import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { restoreLetters, shuffleLetters } from '../../../src/forward/letter-case.ts';
import { makeQuery } from '../../helpers/queries.ts';

const lower = (octets: Buffer) => octets.toString('latin1').toLowerCase();

/** A response to `asked` with one A record whose owner is spelled out. */
function spelledOut(asked: Buffer, questionEnd: number, address: readonly number[]): Buffer {
  const owner = asked.subarray(12, questionEnd - 4);
  const fixed = Buffer.from([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address]);
  const reply = Buffer.concat([asked.subarray(0, questionEnd), owner, fixed]);
  reply.writeUInt16BE(1, 6);
  reply.writeUInt16BE(0, 10);
  return reply;
}

describe('letters of a name', () => {
  it('are drawn so that each is large half of the time, and nothing else changes', () => {
    const name = 'aBcDeFgHiJ-1.kLmNoPqRsT.test.';
    const query = makeQuery(name);
    const counts = new Map<number, number>();
    for (let i = 0; i < 1000; i++) {
      const copy = shuffleLetters(query);
      expect(lower(copy)).toBe(lower(query.wire));
      copy.subarray(12, query.questionEnd - 4).forEach((octet, at) => {
        const isLarge = octet >= 0x41 && octet <= 0x5a;
        counts.set(at, (counts.get(at) ?? 0) + (isLarge ? 1 : 0));
      });
      expect(copy.subarray(query.questionEnd - 4)).toEqual(
        query.wire.subarray(query.questionEnd - 4),
      );
    }
    const letters = [...counts.values()].filter((count) => count > 0);
    expect(letters).toHaveLength(24);
    // Six deviations of 16 around 500.
    expect(Math.min(...letters)).toBeGreaterThan(400);
    expect(Math.max(...letters)).toBeLessThan(600);
    expect(query.wire.toString('latin1')).toContain('aBcDeFgHiJ-1');
  });

  it("become the client's again in the question and in spelled-out owners, and nowhere else", () => {
    const label = fc.string({ unit: fc.constantFrom(...'aAbBzZ09-'), minLength: 1, maxLength: 20 });
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(
        fc.array(label, { minLength: 1, maxLength: 4 }),
        fc.array(octet, { minLength: 4, maxLength: 4 }),
        (labels, address) => {
          const query = makeQuery(`${labels.join('.')}.`);
          const asked = shuffleLetters(query);
          const reply = spelledOut(asked, query.questionEnd, address);
          restoreLetters(reply, asked, query);
          expect(reply).toEqual(spelledOut(query.wire, query.questionEnd, address));
        },
      ),
      { seed: 8, numRuns: 300 },
    );
  });

  it('survive replies that are cut or say more records than there are', () => {
    const query = makeQuery('a.test.');
    const asked = shuffleLetters(query);
    const whole = spelledOut(asked, query.questionEnd, [1, 2, 3, 4]);
    for (let end = query.questionEnd; end < whole.length; end++) {
      const cut = Buffer.from(whole.subarray(0, end));
      cut.writeUInt16BE(0xffff, 8);
      restoreLetters(cut, asked, query);
      expect(cut.subarray(12, query.questionEnd)).toEqual(
        query.wire.subarray(12, query.questionEnd),
      );
    }
  });
});
