import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { chaos } from '../../../src/plugins/chaos.ts';
import { codeOf, parseWith } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { makeStage, messageOf, NEXT } from '../../helpers/stage.ts';

const long = 'x'.repeat(300);

test.each([
  ['chaos', 'version.bind', ['nodelocaldns-development']],
  ['chaos "2.0 beta"', 'Version.Server', ['2.0 beta']],
  [`chaos ${long}`, 'version.bind', [long.slice(0, 255)]],
  ['chaos 2 zoe adam zoe', 'authors.bind', ['adam', 'zoe']],
  ['chaos', 'authors.bind', []],
  ['chaos', 'hostname.bind', [hostname()]],
  ['chaos', 'id.server', [hostname()]],
])('%s answers %s', (text, name, texts) => {
  const stage = makeStage(chaos, text);
  const outcome = stage.ask(makeQuery(name, { type: 'TXT', class: 'CH' }));
  expect(messageOf(outcome)).toMatchObject({
    rcode: 'NOERROR',
    answers: texts.map((data) => ({ class: 'CH', ttl: 0, data: [Buffer.from(data)] })),
  });
  expect(stage.declined).toBe(false);
});

test.each([
  ['version.bind', 'TXT', 'IN'],
  ['version.bind', 'A', 'CH'],
  ['other.bind', 'TXT', 'CH'],
] as const)('%s %s %s is left to the next one', (name, type, qclass) => {
  expect(makeStage(chaos, 'chaos').ask(makeQuery(name, { type, class: qclass }))).toBe(NEXT);
});

test('braces are refused', () => {
  expect(codeOf(chaos, 'chaos {\n x\n}')).toBe('unknown-option');
  expect(parseWith(chaos, 'chaos 1')).toEqual({ version: '1', authors: [] });
});
