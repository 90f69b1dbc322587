import { expect, test } from 'vitest';
import { any } from '../../../src/plugins/any.ts';
import { codeOf } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { makeStage, messageOf, NEXT } from '../../helpers/stage.ts';

test('a question for everything gets one record', () => {
  const { ask, seen } = makeStage(any, 'any');
  expect(messageOf(ask(makeQuery('Example.org', { type: 'ANY' })))).toMatchObject({
    rcode: 'NOERROR',
    answers: [
      {
        name: 'Example.org',
        type: 'HINFO',
        ttl: 8482,
        data: { cpu: 'ANY obsoleted', os: 'See RFC 8482' },
      },
    ],
  });
  expect(seen).toHaveLength(0);
});

test('all other questions pass, and stored answers stay on the short way', () => {
  const stage = makeStage(any, 'any');
  expect(stage.ask(makeQuery('example.org', { type: 'HINFO' }))).toBe(NEXT);
  expect(stage.declined).toBe(false);
});

test.each([
  ['any 1', 'argument-count'],
  ['any {\n x\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(any, text)).toBe(code);
});
