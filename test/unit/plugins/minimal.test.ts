import type packet from 'dns-packet';
import { expect, test } from 'vitest';
import { minimal } from '../../../src/plugins/minimal.ts';
import { failed, type Outcome } from '../../../src/plugins/stage.ts';
import { codeOf } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { forwarded, makeStage, messageOf } from '../../helpers/stage.ts';

const A: packet.Answer = { name: 'www.test', type: 'A', ttl: 60, data: '192.0.2.1' };
const NS: packet.Answer = { name: 'test', type: 'NS', ttl: 60, data: 'ns.test' };
const GLUE: packet.Answer = { name: 'ns.test', type: 'A', ttl: 60, data: '192.0.2.2' };
const SOA: packet.Answer = {
  name: 'test',
  type: 'SOA',
  ttl: 60,
  data: {
    mname: 'ns.test',
    rname: 'x.test',
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum: 1,
  },
};

function throughMinimal(outcome: Outcome): Outcome {
  return makeStage(minimal, 'minimal', { next: () => outcome }).ask(makeQuery('www.test'));
}

test('an answer keeps the records that answer', () => {
  const outcome = throughMinimal(
    forwarded({ answers: [A], authorities: [NS], additionals: [GLUE] }),
  );
  expect(outcome.plugin).toBe('forward');
  expect(messageOf(outcome)).toMatchObject({
    rcode: 'NOERROR',
    answers: [{ data: '192.0.2.1' }],
    authorities: [],
    additionals: [],
  });
});

test.each([
  ['a denial', forwarded({ authorities: [SOA] })],
  ['a name error', forwarded({ flags: 3, authorities: [SOA] })],
  ['a referral', forwarded({ authorities: [NS], additionals: [GLUE] })],
  ['an answer that is short already', forwarded({ answers: [A] })],
  ['an error with records', forwarded({ flags: 2, answers: [A], authorities: [NS] })],
  ['a failure', failed(2, 'timeout')],
])('%s stays as it is', (_what, outcome) => {
  expect(throughMinimal(outcome)).toBe(outcome);
});

test.each([
  ['minimal x', 'argument-count'],
  ['minimal {\n x\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(minimal, text)).toBe(code);
});
