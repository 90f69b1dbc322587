import { expect, test } from 'vitest';
import { RCODE_NXDOMAIN } from '../../../src/dns/header.ts';
import { nameToText } from '../../../src/dns/name.ts';
import { typeName } from '../../../src/dns/type.ts';
import { rewrite } from '../../../src/plugins/rewrite.ts';
import { failed } from '../../../src/plugins/stage.ts';
import { makeContext, parseWith } from '../../helpers/directive.ts';
import { resolveNow, type TextReply, TextUpstream } from '../../helpers/text-upstream.ts';
import { queryOf, queryWire } from '../dns/messages.ts';

const CHAIN: TextReply = {
  answers: [
    'b.test. 9 IN CNAME Old.Example.',
    'www.test. 9 IN CNAME b.test.',
    'old.example. 9 IN A 192.0.2.1',
  ],
  authorities: ['example. 9 IN NS ns.example.'],
};

/** What a client gets for www.test, and what our own server was asked. */
function ask(corefile: string, found: TextReply | ReturnType<typeof failed>, first = CHAIN) {
  const lookUps: string[] = [];
  const own = new TextUpstream(() => found);
  const { context } = makeContext({
    lookUp(query, name, type, done) {
      lookUps.push(`${nameToText(name, 0)} ${typeName(type)}`);
      own.resolve(query, done);
    },
  });
  const upstream = new TextUpstream(() => first);
  const stage = rewrite.stage?.(parseWith(rewrite, corefile), context, upstream);
  if (stage === undefined) throw new Error('rewrite has no stage');
  return { ...resolveNow(stage, queryOf(queryWire('Www.test', 'A'))), lookUps };
}

const FOUND: TextReply = {
  answers: ['new.example. 5 IN CNAME c.test.', 'c.test. 5 IN A 192.0.2.9'],
  authorities: ['new. 5 IN NS ns.new.'],
};

test.each([
  ['old.example new.example'],
  ['exact OLD.example. new.example.'],
  ['prefix old. new.'],
  ['suffix old.example new.example'],
  ['substring old new'],
  [String.raw`regex ^old\.(.*)\.$ new.{1}`],
])('cname %s: the alias leads to the new name, with its records', (rule) => {
  expect(ask(`rewrite cname ${rule}`, FOUND)).toMatchObject({
    rcode: 0,
    question: 'Www.test. IN A',
    answers: [
      'Www.test. 9 IN CNAME b.test.',
      'b.test. 9 IN CNAME new.example.',
      'new.example. 5 IN CNAME c.test.',
      'c.test. 5 IN A 192.0.2.9',
    ],
    authorities: ['new. 5 IN NS ns.new.'],
    lookUps: ['new.example. A'],
  });
});

test('the first alias on the way counts, what came after it goes', () => {
  const { answers } = ask('rewrite cname b.test new.example', FOUND);
  expect(answers).toEqual([
    'Www.test. 9 IN CNAME new.example.',
    'new.example. 5 IN CNAME c.test.',
    'c.test. 5 IN A 192.0.2.9',
  ]);
});

test('the response code is that of the new name', () => {
  const soa = 'new. 5 IN SOA a. b. 1 2 3 4 5';
  expect(
    ask('rewrite cname b.test new.example', { rcode: RCODE_NXDOMAIN, authorities: [soa] }),
  ).toMatchObject({
    rcode: RCODE_NXDOMAIN,
    answers: ['Www.test. 9 IN CNAME new.example.'],
    authorities: [soa],
  });
});

test('when the new name cannot be looked up, that is the outcome', () => {
  const got = ask('rewrite cname b.test new.example', failed(2, 'no answer'));
  expect(got).toMatchObject({ rcode: 2, error: 'no answer', answers: [] });
});

test.each([
  ['no alias matches', 'rewrite cname other.test new.example', CHAIN],
  ['there is none', 'rewrite cname b.test c.test', { answers: ['www.test. 9 IN A 192.0.2.1'] }],
  [
    'the aliases are not the question’s',
    'rewrite cname b.test c.test',
    { answers: ['x.test. 9 IN CNAME b.test.'] },
  ],
  [
    'the aliases go in a circle',
    'rewrite cname other.test new.example',
    { answers: ['www.test. 9 IN CNAME b.test.', 'b.test. 9 IN CNAME www.test.'] },
  ],
])('nothing changes where %s', (_, corefile, first: TextReply) => {
  const got = ask(corefile, FOUND, first);
  expect(got.lookUps).toEqual([]);
  expect(got.answers.map((line) => line.toLowerCase())).toEqual(
    first.answers?.map((line) => line.toLowerCase()),
  );
});

test('rules before it are taken back after it', () => {
  const corefile = 'rewrite continue ttl www.test 77\nrewrite cname b.test new.example';
  const { answers } = ask(corefile, FOUND);
  expect(answers.map((line) => line.split(' ')[1])).toEqual(['77', '77', '77']);
});
