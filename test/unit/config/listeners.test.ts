import { expect, test } from 'vitest';
import { findListeners, serverLabel } from '../../../src/config/listeners.ts';
import { readServerKey } from '../../../src/config/server-key.ts';

/** A block with these keys at these addresses. */
function place(keys: string, addresses = '') {
  const words = keys.split(' ').map((text) => ({ text, file: 'Corefile', line: 1, column: 1 }));
  return {
    keys: words.flatMap((word) => readServerKey(word, 53)),
    addresses: addresses.split(' ').filter((address) => address !== ''),
  };
}

test('every address and port is listened on once, with the zones of all blocks there', () => {
  const blocks = [
    place('a b:54', '169.254.20.10 fd00::1'),
    place('.', '169.254.20.10'),
    place('c'),
  ];
  expect(findListeners(blocks)).toEqual([
    {
      address: '169.254.20.10',
      port: 53,
      server: 'dns://169.254.20.10:53',
      zones: [
        { zone: 'a.', block: 0 },
        { zone: '.', block: 1 },
      ],
    },
    {
      address: 'fd00::1',
      port: 53,
      server: 'dns://[fd00::1]:53',
      zones: [{ zone: 'a.', block: 0 }],
    },
    {
      address: '169.254.20.10',
      port: 54,
      server: 'dns://169.254.20.10:54',
      zones: [{ zone: 'b.', block: 0 }],
    },
    {
      address: 'fd00::1',
      port: 54,
      server: 'dns://[fd00::1]:54',
      zones: [{ zone: 'b.', block: 0 }],
    },
    { address: '', port: 53, server: 'dns://:53', zones: [{ zone: 'c.', block: 2 }] },
  ]);
});

test.each([
  ['two blocks', [place('.'), place('.')], 'cannot serve dns://.:53 - it is already defined'],
  [
    'two blocks at an address',
    [place('.', '127.0.0.1'), place('a .', '127.0.0.1')],
    'cannot serve dns://.:53 on 127.0.0.1 - it is already defined',
  ],
  ['one block', [place('a A.')], 'cannot serve dns://a.:53 - it is already defined'],
])('a zone twice in %s is a duplicate', (_name, blocks, message) => {
  expect(() => findListeners(blocks)).toThrow(
    expect.objectContaining({ code: 'duplicate-zone', message: `Corefile:1:1: ${message}` }),
  );
});

test.each([
  [
    'after',
    [place('.', '127.0.0.1'), place('.')],
    'cannot serve dns://.:53 - zone overlap listener capacity with dns://.:53 on 127.0.0.1',
  ],
  [
    'before',
    [place('.'), place('.', '127.0.0.1')],
    'cannot serve dns://.:53 on 127.0.0.1 - zone overlap listener capacity with dns://.:53',
  ],
])('a zone at the wildcard address %s one at an address overlaps', (_name, blocks, message) => {
  expect(() => findListeners(blocks)).toThrow(
    expect.objectContaining({ code: 'overlap', message: `Corefile:1:1: ${message}` }),
  );
});

test('different zones, ports and addresses do not collide', () => {
  const blocks = [place('.', '127.0.0.1'), place('.', '127.0.0.2'), place('.:54'), place('a')];
  expect(findListeners(blocks)).toHaveLength(4);
});

test('a link-local address keeps its zone in the label', () => {
  expect(serverLabel('fe80::1%eth0', 53)).toBe('dns://[fe80::1%eth0]:53');
});
