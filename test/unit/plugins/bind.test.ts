import { expect, test } from 'vitest';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { bind } from '../../../src/plugins/bind.ts';
import { codeOf, FACTS, parseWith, usesIn } from '../../helpers/directive.ts';

test.each([
  ['bind 127.0.0.1', ['127.0.0.1']],
  ['bind 127.0.0.1 ::1', ['127.0.0.1', '::1']],
  ['bind 127.0.0.1\nbind 127.0.0.2 127.0.0.1', ['127.0.0.1', '127.0.0.2']],
  ['bind fe80::1%eth0', ['fe80::1%eth0']],
  ['bind 127.0.0.1 127.0.0.2 {\n except 127.0.0.1\n}', ['127.0.0.2']],
  ['bind 127.0.0.1 {\n except 127.0.0.2\n}\nbind 127.0.0.2', ['127.0.0.1', '127.0.0.2']],
])('%s', (text, addresses) => {
  expect(parseWith(bind, text)).toEqual({ addresses });
});

test('the name of an interface stands for its addresses', () => {
  expect(parseWith(bind, 'bind lo').addresses).toContain('127.0.0.1');
  expect(
    parseWith(bind, 'bind lo {\n except 127.0.0.1\n}\nbind 127.0.0.9').addresses,
  ).not.toContain('127.0.0.1');
});

test('the interface of the daemon has its addresses before it exists', () => {
  const ownInterface = { name: 'nodelocaldns', addresses: ['169.254.20.10', 'fd00::10'] };
  const facts = { ...FACTS, ownInterface };
  expect(bind.parse(usesIn('bind nodelocaldns'), facts)).toEqual({
    addresses: ['169.254.20.10', 'fd00::10'],
  });
});

test.each([
  ['bind', 'argument-count'],
  ['bind 127.0.0.1 {\n except\n}', 'argument-count'],
  ['bind 127.0.0.1 {\n unless 127.0.0.2\n}', 'unknown-option'],
  ['bind 127.0.0.1.2', 'argument-value'],
  ['bind 127.0.0.1 {\n except nonesuch\n}', 'argument-value'],
  ['bind 127.0.0.1 {\n except 127.0.0.1\n}', 'argument-value'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(bind, text)).toBe(code);
});

test('the message names what is neither address nor interface', () => {
  expect(() => parseWith(bind, 'bind nonesuch')).toThrow(CorefileError);
  expect(() => parseWith(bind, 'bind nonesuch')).toThrow(
    'Corefile:2:6: not a valid IP address or interface name: "nonesuch"',
  );
});
