import { describe, expect, test } from 'vitest';
import { header } from '../../../src/plugins/header.ts';
import { failed } from '../../../src/plugins/stage.ts';
import { codeOf } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { forwarded, makeStage, messageOf } from '../../helpers/stage.ts';

const [AA, RA] = [0x400, 0x80];
const answers = [{ name: 'www.test', type: 'A', ttl: 60, data: '192.0.2.1' }] as const;

describe('a response', () => {
  test.each([
    ['set ra', 0, { aa: false, ra: true }],
    ['response set ra AA', 0, { aa: true, ra: true }],
    ['clear aa', AA | RA, { aa: false, ra: true }],
    ['set aa\nclear aa ra', RA, { aa: false, ra: false }],
    ['clear aa\nset aa', 0, { aa: true, ra: false }],
  ])('%s', (lines, flags, expected) => {
    const { ask } = makeStage(header, `header {\n${lines}\n}`, {
      next: () => forwarded({ flags, answers: [...answers] }),
    });
    const outcome = ask(makeQuery('www.test'));
    expect(messageOf(outcome)).toMatchObject({ ...expected, answers: [{ data: '192.0.2.1' }] });
    expect(outcome.plugin).toBe('forward');
  });

  test('that has the flags already, or no message, stays as it is', () => {
    for (const outcome of [forwarded({ flags: RA }), failed(2, 'timeout')]) {
      const { ask } = makeStage(header, 'header {\n set ra\n}', { next: () => outcome });
      expect(ask(makeQuery('www.test'))).toBe(outcome);
    }
  });
});

describe('a query', () => {
  test('is asked with other flags; the client keeps its own', () => {
    const stage = makeStage(header, 'header {\n query clear rd\n}');
    const query = makeQuery('www.test');
    stage.ask(query);
    expect(stage.seen[0]).toMatchObject({ recursionDesired: false, name: 'www.test.' });
    expect(query.recursionDesired).toBe(true);
  });

  test('that has the flags already is handed on as it is', () => {
    const stage = makeStage(header, 'header {\n query set rd\n}');
    const query = makeQuery('www.test');
    stage.ask(query);
    expect(stage.seen[0]).toBe(query);
  });
});

test.each([
  ['header', 'argument-count'],
  ['header {}', 'argument-count'],
  ['header x {\n set aa\n}', 'argument-count'],
  ['header {\n set\n}', 'argument-count'],
  ['header {\n query\n}', 'argument-count'],
  ['header {\n query set\n}', 'argument-count'],
  ['header {\n query foo rd\n}', 'unknown-option'],
  ['header {\n foo\n}', 'argument-count'],
  ['header {\n set ad\n}', 'argument-value'],
  ['header {\n QuErY SeT RD aa\n ReSpOnSe ClEaR RA\n}', null],
])('%s: %s', (text, code) => {
  expect(codeOf(header, text)).toBe(code);
});
