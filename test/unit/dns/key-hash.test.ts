import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashOctets, hashText } from '../../../src/dns/key-hash.ts';

test('a key has the same hash as octets and as text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 260 }), (octets) => {
      const text = Buffer.from(octets).toString('latin1');
      const longer = Buffer.concat([octets, Buffer.from('behind it')]);
      expect(hashOctets(longer, octets.length)).toBe(hashText(text));
      expect(hashText(text) | 0).toBe(hashText(text));
    }),
    { seed: 5, numRuns: 2000 },
  );
});

test.each([
  ['names with a number', (i: number) => `\x06name${i}\x07default\x03svc\x00\x00\x01\x00\x01\x00`],
  ['addresses', (i: number) => `\x03${i & 255}\x03${i >> 8}\x0210\x07in-addr\x04arpa\x00`],
  [
    'labels that change places',
    (i: number) => [...i.toString(3)].map((digit) => `\x02a${digit}`).join(''),
  ],
  [
    'octets with their highest bit',
    (i: number) => String.fromCharCode(128 + (i >> 7), 128 + (i & 127)),
  ],
])('%s fall into chains as chance would have it', (_, keyOf) => {
  const CHAINS = 16_384;
  const lengths = new Uint16Array(CHAINS);
  for (let i = 0; i < CHAINS; i++) lengths[hashText(keyOf(i)) & (CHAINS - 1)]++;
  // One each by chance: more than 12 happen once in a hundred thousand tables.
  expect(Math.max(...lengths)).toBeLessThanOrEqual(12);
  const empty = lengths.filter((length) => length === 0).length;
  expect(empty / CHAINS).toBeCloseTo(1 / Math.E, 1);
});

test('no two processes have the same hashes', () => {
  const module = new URL('../../../src/dns/key-hash.ts', import.meta.url).href;
  const program = `import { hashText } from '${module}'; console.log(hashText('a'), hashText('b'));`;
  const node = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;
  const hashes = Array.from({ length: 2 }, () =>
    execFileSync(node, ['--input-type=module', '-e', program], { encoding: 'utf8' }),
  );
  expect(hashes[0]).not.toBe(hashes[1]);
  expect(hashes[0]).not.toContain(String(hashText('a')));
});
