import { expect, test } from 'vitest';
import { debug } from '../../../src/plugins/debug.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';

test('debug lines appear while a block asks for them', async () => {
  const { context, generation, lines } = makeContext();
  debug.service?.(parseWith(debug, 'debug'), context);
  context.log.debug('before');
  await generation.start();
  context.log.debug('during');
  await generation.stop();
  context.log.debug('after');
  expect(lines).toEqual(['[DEBUG] during']);
});

test.each([
  ['debug on', 'argument-count'],
  ['debug {\n on\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(debug, text)).toBe(code);
});
