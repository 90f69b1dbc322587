import { expect, test } from 'vitest';
import { multisocket } from '../../../src/plugins/multisocket.ts';
import { codeOf, makeContext } from '../../helpers/directive.ts';

test.each([
  ['multisocket', null],
  ['multisocket 1024', null],
  ['multisocket 0', 'argument-value'],
  ['multisocket 1025', 'argument-value'],
  ['multisocket many', 'argument-value'],
  ['multisocket 1 2', 'argument-count'],
  ['multisocket {\n x\n}', 'unknown-option'],
])('%s: %s', (text, code) => {
  expect(codeOf(multisocket, text)).toBe(code);
});

test('the log says that it does nothing', () => {
  const { context, lines } = makeContext();
  multisocket.service?.(null, context);
  expect(lines).toEqual([
    '[INFO] plugin/multisocket: one socket per address is used: there is one thread',
  ]);
});
