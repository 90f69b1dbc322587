/** The one system call that renews the addresses, on a device of its own. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NODE } from './harness/command.ts';
import { Namespace } from './harness/namespace.ts';

const SCRIPT = new URL('harness/renew-addresses.ts', import.meta.url).pathname;
const ADDRESSES = ['169.254.20.10', 'fd00:0::10'];

let space: Namespace;
let index: number;

beforeEach(() => {
  space = new Namespace('renewal');
  space.ip('link', 'add', 'held', 'type', 'veth', 'peer', 'name', 'other');
  [index] = JSON.parse(space.ip('-j', 'link', 'show', 'held')).map(
    ({ ifindex }: { ifindex: number }) => ifindex,
  );
});

afterEach(() => space.destroy());

/** Whether the first and the second renewal worked, and one after the close. */
function renew(seconds: number, ...ips: string[]): boolean[] {
  return JSON.parse(space.run(NODE, SCRIPT, `${index}`, `${seconds}`, ...ips));
}

/** What the device has: address, octets of the prefix, whole seconds left, flags. */
function held(): unknown[] {
  const [{ addr_info }] = JSON.parse(space.ip('-j', 'addr', 'show', 'held'));
  return addr_info.map((info: Record<string, unknown>) => [
    info.local,
    info.prefixlen,
    Number(info.valid_life_time) > 50,
    info.scope,
    info.nodad === true,
  ]);
}

const BOTH = [
  ['169.254.20.10', 32, true, 'global', false],
  ['fd00::10', 128, true, 'global', true],
];

test('renews all of them', () => {
  space.ip(
    'addr',
    'add',
    '169.254.20.10/32',
    'dev',
    'held',
    'valid_lft',
    '9',
    'preferred_lft',
    '9',
  );
  space.ip(
    '-6',
    'addr',
    'add',
    'fd00::10/128',
    'dev',
    'held',
    'nodad',
    'valid_lft',
    '9',
    'preferred_lft',
    '9',
  );
  expect(renew(60, ...ADDRESSES)).toEqual([true, true, false]);
  expect(held()).toEqual(BOTH);
});

test('puts back what is missing, in the form that the plain way has', () => {
  expect(renew(60, ...ADDRESSES)).toEqual([true, true, false]);
  expect(held()).toEqual(BOTH);
});

test('says so when one of them could not be renewed', () => {
  expect(renew(60, '169.254.20.10', 'ff02::1')).toEqual([false, false, false]);
  expect(held()).toEqual(BOTH.slice(0, 1));
});

test('says so when the device is gone', () => {
  space.ip('link', 'delete', 'held');
  expect(renew(60, ...ADDRESSES)).toEqual([false, false, false]);
});
