import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAnswer } from '../../../src/dns/answer.ts';
import { RCODE_SERVFAIL } from '../../../src/dns/header.ts';
import { decodeMessage, encodeMessage } from '../../../src/dns/message.ts';
import { rewrite } from '../../../src/plugins/rewrite.ts';
import { answered, failed, type Outcome, type Stage } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import {
  resolveNow,
  type Shown,
  type TextReply,
  TextUpstream,
} from '../../helpers/text-upstream.ts';
import { nameArbitrary, queryOf, queryWire, responseArbitrary, SEED } from '../dns/messages.ts';

/** An A record for whatever is asked. */
const echo = (question: string): TextReply => ({
  answers: [`${question.split(' ')[0]} 60 IN A 192.0.2.1`],
});

/** What a client gets for `name`, and what the upstream was asked for it. */
function ask(
  corefile: string,
  name: string,
  reply: (question: string) => TextReply | ReturnType<typeof failed> = echo,
  type = 'A',
): Shown & { asked: string[] } {
  const upstream = new TextUpstream(reply);
  const { context } = makeContext();
  const stage = rewrite.stage?.(parseWith(rewrite, corefile), context, upstream);
  if (stage === undefined) throw new Error('rewrite has no stage');
  return { ...resolveNow(stage, queryOf(queryWire(name, type))), asked: upstream.asked };
}

describe('name', () => {
  test.each([
    ['old.test new.test', 'old.test', 'new.test.'],
    ['exact OLD.test. new.test.', 'Old.TEST', 'new.test.'],
    ['exact old.test new.test', 'a.old.test', 'a.old.test.'],
    ['prefix foo. bar.', 'foo.example.com', 'bar.example.com.'],
    ['prefix foo bar', 'foo.example.com', 'bar.example.com.'],
    ['prefix API- svc-', 'api-prod.example', 'svc-prod.example.'],
    ['prefix api. svc-', 'api.prod.example', 'svc-prod.example.'],
    ['prefix foo bar', 'coredns.foo', 'coredns.foo.'],
    ['suffix com org', 'foo.example.com', 'foo.example.org.'],
    ['suffix .com .org', 'foo.example.com', 'foo.example.org.'],
    ['suffix com org', 'com.coredns', 'com.coredns.'],
    ['suffix .ingress.rocks nginx.rocks', 'a.ingress.rocks', 'anginx.rocks.'],
    ['substring -api- -svc-', 'my-api-prod.example', 'my-svc-prod.example.'],
    ['substring a. b.', 'a.a.test', 'b.b.test.'],
    ['substring service svc', 'com.coredns', 'com.coredns.'],
    [
      String.raw`regex (.*)-(us-west-1)\.example\.org {1}.service.{2}.consul`,
      'ftp-us-west-1.example.org',
      'ftp.service.us-west-1.consul.',
    ],
    [String.raw`regex (f.*m)\.regex\.(nl) TO.{2}`, 'from.regex.nl', 'to.nl.'],
    [String.raw`regex ^(a)?(b)\.test\.$ {2}{7}`, 'b.test', 'b{7}.'],
    [String.raw`regex ^(a)?(b)\.test\.$ {1}{0}`, 'b.test', 'b.test.'],
  ])('%s: %s is asked as %s', (rule, name, asked) => {
    expect(ask(`rewrite name ${rule}`, name).asked).toEqual([`${asked} IN A`]);
  });

  test('the client finds its own question in the response, letter case and all', () => {
    const { question, answers } = ask('rewrite name old.test new.test', 'oLd.tEst');
    expect(question).toBe('oLd.tEst. IN A');
    expect(answers).toEqual(['oLd.tEst. 60 IN A 192.0.2.1']);
  });

  test('a query that no rule takes goes on as it came', () => {
    const upstream = new TextUpstream(echo);
    const { context } = makeContext();
    const stage = rewrite.stage?.(
      parseWith(rewrite, 'rewrite name a.test b.test'),
      context,
      upstream,
    );
    const query = queryOf(queryWire('c.test', 'A'));
    stage?.resolve(query, () => {});
    expect(upstream.queries[0]).toBe(query);
  });

  test('a name that is none is SERVFAIL and nobody is asked', () => {
    const got = ask('rewrite name example.org. example..org.', 'example.org');
    expect(got).toMatchObject({
      rcode: RCODE_SERVFAIL,
      error: 'invalid name after rewrite: example..org.',
      asked: [],
    });
  });

  test('a name that grows beyond 255 octets is SERVFAIL', () => {
    const label = 'x'.repeat(60);
    const got = ask(
      `rewrite name suffix .test .${label}.test`,
      `${label}.${label}.${label}.${label}.test`,
    );
    expect(got.error).toContain('invalid name after rewrite');
  });

  test('any octets may stand in a label', () => {
    const upstream = new TextUpstream(echo);
    const rules = parseWith(rewrite, 'rewrite name suffix .old.test .new.test answer auto');
    const stage = rewrite.stage?.(rules, makeContext().context, upstream);
    const wire = Buffer.from(
      '1234010000010000000000000341002e036f6c64047465737400' + '00010001',
      'hex',
    );
    const { answers } = resolveNow(stage as NonNullable<typeof stage>, queryOf(wire));
    expect(upstream.asked).toEqual([String.raw`a\000\..new.test. IN A`]);
    expect(answers).toEqual([String.raw`A\000\..old.test. 60 IN A 192.0.2.1`]);
  });

  test('an upstream that fails is passed on', () => {
    const got = ask('rewrite name a.test b.test', 'a.test', () => failed(2, 'timeout'));
    expect(got).toMatchObject({ rcode: 2, error: 'timeout' });
  });
});

describe('names in the response', () => {
  const srv = (): TextReply => ({
    answers: ['new.test. 5 IN SRV 0 1 80 a.new.test.', 'NEW.test. 5 IN CNAME other.test.'],
    authorities: ['new.test. 5 IN SOA new.test. host.new.test. 1 2 3 4 5'],
    additionals: ['a.new.test. 5 IN A 192.0.2.1'],
  });

  test('an exact rule gives them back everywhere, below the name too', () => {
    expect(ask('rewrite name old.test new.test', 'old.test', srv, 'SRV')).toMatchObject({
      answers: ['old.test. 5 IN SRV 0 1 80 a.old.test.', 'old.test. 5 IN CNAME other.test.'],
      authorities: ['old.test. 5 IN SOA old.test. host.new.test. 1 2 3 4 5'],
      additionals: ['a.old.test. 5 IN A 192.0.2.1'],
    });
  });

  test.each([
    ['prefix foo. bar.', 'foo.test', ['bar.test.'], ['bar.test.']],
    ['prefix foo. bar. answer auto', 'foo.test', ['bar.test.'], ['foo.test.']],
    ['suffix com org answer auto', 'foo.com', ['foo.org.', 'x.org.'], ['foo.com.', 'x.com.']],
    ['substring a. b. answer auto', 'a.test', ['b.test.', 'x.b.test.'], ['a.test.', 'x.a.test.']],
    ['regex (.*).rocks {1}.maps answer auto', 'foo.rocks', ['foo.maps.'], ['foo.rocks.']],
    [
      'regex (.*).rocks {1}.maps answer name (.*).maps {1}.works',
      'foo.rocks',
      ['foo.maps.'],
      ['foo.works.'],
    ],
    [
      'exact a.test b.test answer name b2 c.test',
      'a.test',
      ['b.test.', 'b2.test.'],
      ['a.test.', 'c.test.'],
    ],
  ])('%s', (rule, name, given, got) => {
    const reply = () => ({ answers: given.map((owner) => `${owner} 60 IN A 192.0.2.1`) });
    const { answers } = ask(`rewrite name ${rule}`, name, reply);
    expect(answers.map((line) => line.split(' ')[0])).toEqual(got);
  });

  test.each([
    ['CNAME x.new.', 'CNAME x.old.'],
    ['DNAME x.new.', 'DNAME x.old.'],
    ['MX 7 x.new.', 'MX 7 x.old.'],
    ['NS x.new.', 'NS x.old.'],
    ['PTR x.new.', 'PTR x.old.'],
    ['SRV 1 2 3 x.new.', 'SRV 1 2 3 x.old.'],
    ['NAPTR 1 2 "u" "s" "r" x.new.', 'NAPTR 1 2 "u" "s" "r" x.old.'],
    ['SOA x.new. y.new. 1 2 3 4 5', 'SOA x.old. y.new. 1 2 3 4 5'],
    ['TXT "x.new."', 'TXT "x.new."'],
    ['RP x.new. y.new.', 'RP x.new. y.new.'],
  ])('answer value turns %s into %s', (data, expected) => {
    const corefile = String.raw`rewrite name regex (.*)\.old {1}.new answer value (.*)\.new {1}.old`;
    const { answers } = ask(corefile, 'a.old', () => ({ answers: [`a.new. 5 IN ${data}`] }));
    expect(answers).toEqual([`a.new. 5 IN ${expected}`]);
  });

  test('a name that would be none stays', () => {
    const corefile = 'rewrite name exact a.test b.test answer name x y..z';
    const { answers } = ask(corefile, 'a.test', () => ({ answers: ['x. 5 IN A 192.0.2.1'] }));
    expect(answers).toEqual(['x. 5 IN A 192.0.2.1']);
  });

  test('rules are taken back in reverse order', () => {
    const corefile = 'rewrite continue name a.test b.test\nrewrite name b.test c.test';
    const { asked, answers } = ask(corefile, 'a.test');
    expect(asked).toEqual(['c.test. IN A']);
    expect(answers).toEqual(['a.test. 60 IN A 192.0.2.1']);
  });
});

describe('modes', () => {
  const rules = (mode: string) => `rewrite ${mode} name a.test b.test\nrewrite name b.test c.test`;

  test.each([
    ['', 'b.test.'],
    ['stop', 'b.test.'],
    ['continue', 'c.test.'],
    ['CONTINUE', 'c.test.'],
  ])('%s', (mode, asked) => {
    expect(ask(rules(mode), 'a.test').asked).toEqual([`${asked} IN A`]);
  });

  test('a rule that does not apply never stops', () => {
    const corefile = 'rewrite stop name x.test y.test\nrewrite name a.test b.test';
    expect(ask(corefile, 'a.test').asked).toEqual(['b.test. IN A']);
  });

  test('rules may stand in braces', () => {
    const corefile = String.raw`rewrite stop {
      name regex (.*)-(us)\.rocks {1}.service.{2}.consul
      answer name (.*)\.service\.(us)\.consul {1}-{2}.rocks
    }`;
    expect(ask(corefile, 'ftp-us.rocks')).toMatchObject({
      asked: ['ftp.service.us.consul. IN A'],
      answers: ['ftp-us.rocks. 60 IN A 192.0.2.1'],
    });
  });
});

describe('class and type', () => {
  test('the type is another upstream and the same to the client', () => {
    const got = ask(
      'rewrite type ANY HINFO',
      'a.test',
      () => ({ answers: ['a.test. 5 IN HINFO "a" "b"'] }),
      'ANY',
    );
    expect(got.asked).toEqual(['a.test. IN HINFO']);
    expect(got.question).toBe('a.test. IN ANY');
    expect(ask('rewrite type ANY HINFO', 'a.test').asked).toEqual(['a.test. IN A']);
  });

  test('the class is another upstream', () => {
    const wire = queryWire('a.test', 'A');
    wire[wire.length - 1] = 3;
    const upstream = new TextUpstream(echo);
    const stage = rewrite.stage?.(
      parseWith(rewrite, 'rewrite class ch in'),
      makeContext().context,
      upstream,
    );
    const { question } = resolveNow(stage as NonNullable<typeof stage>, queryOf(wire));
    expect(upstream.asked).toEqual(['a.test. IN A']);
    expect(question).toBe('a.test. CH A');
  });
});

describe('ttl', () => {
  const records = (): TextReply => ({
    answers: ['a.test. 100 IN A 192.0.2.1'],
    authorities: ['test. 10 IN NS n.test.'],
    additionals: ['n.test. 1000 IN A 192.0.2.2'],
    options: [{ code: 3, data: Buffer.from('n') }],
  });

  test.each([
    ['a.test 15', [15, 15, 15]],
    ['exact a.test 30-300', [100, 30, 300]],
    ['suffix test -50', [50, 10, 50]],
    ['regex ^a 500-', [500, 500, 1000]],
    ['prefix b 15', [100, 10, 1000]],
    ['substring .te 0', [0, 0, 0]],
  ])('%s', (rule, expected) => {
    const got = ask(`rewrite ttl ${rule}`, 'a.test', records);
    const all = [...got.answers, ...got.authorities, ...got.additionals];
    expect(all.map((line) => Number(line.split(' ')[1]))).toEqual(expected);
    expect(got.options).toEqual([{ code: 3, data: Buffer.from('n') }]);
  });
});

describe('rcode', () => {
  test.each([
    ['a.test SERVFAIL NOERROR', 2, 0],
    [String.raw`regex (.*)\.test SERVFAIL NXDOMAIN`, 2, 3],
    ['a.test 3 0', 2, 2],
    ['a.test servfail badcookie', 2, 23],
    ['a.test 23 2', 23, 2],
    ['b.test SERVFAIL NOERROR', 2, 2],
  ])('%s: %i becomes %i', (rule, given, expected) => {
    expect(ask(`rewrite rcode ${rule}`, 'a.test', () => ({ rcode: given })).rcode).toBe(expected);
  });
});

test.each([
  ['rewrite', 'argument-count'],
  ['rewrite stop', 'argument-count'],
  ['rewrite bogus a b', 'unknown-option'],
  ['rewrite answer name a b', 'argument-value'],
  ['rewrite name a', 'argument-count'],
  ['rewrite name bogus a b', 'argument-value'],
  ['rewrite name regex a( b', 'argument-value'],
  ['rewrite name regex (a)\\1 b', 'argument-value'],
  ['rewrite name regex (?=a) b', 'argument-value'],
  ['rewrite name regex (.*).rocks {1}.{2}.rocks', 'argument-value'],
  ['rewrite name suffix a b answer', 'argument-count'],
  ['rewrite name suffix a b answer name', 'argument-count'],
  ['rewrite name suffix a b answer other', 'argument-value'],
  ['rewrite name suffix a b auto', 'argument-value'],
  ['rewrite name regex a b answer name (.*) {1}.{2}', 'argument-value'],
  ['rewrite name regex a b answer name a b name c', 'argument-count'],
  ['rewrite name regex a b answer auto answer name a b', 'argument-value'],
  ['rewrite name a b {\n ttl c 5\n}', 'unknown-option'],
  ['rewrite class IN', 'argument-count'],
  ['rewrite class IN XX', 'argument-value'],
  ['rewrite type A BOGUS', 'argument-value'],
  ['rewrite type A AAAA MX', 'argument-count'],
  ['rewrite ttl a.test', 'argument-count'],
  ['rewrite ttl a.test -', 'argument-value'],
  ['rewrite ttl a.test 30-20', 'argument-value'],
  ['rewrite ttl a.test 1-2-3', 'argument-value'],
  ['rewrite ttl a.test 4294967296', 'argument-value'],
  ['rewrite ttl bogus a.test 5', 'argument-value'],
  ['rewrite ttl exact a.test 5 6', 'argument-count'],
  ['rewrite rcode a.test SERVFAIL', 'argument-count'],
  ['rewrite rcode a.test 24 0', 'argument-value'],
  ['rewrite rcode a.test BOGUS 0', 'argument-value'],
  ['rewrite cname a', 'argument-count'],
  ['rewrite cname bogus a b', 'argument-value'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(rewrite, text)).toBe(code);
});

test.each([
  'rewrite name regex a b answer name a b name c d',
  'rewrite name regex a b answer name a b answer value c d',
  'rewrite name suffix a. b. answer value (.*).b {1}.a value (.*).b {1}.a name (.*).b {1}.a',
  'rewrite name exact a b answer auto answer value c d',
  'rewrite continue {\n ttl regex (.*) 15\n}',
  'rewrite name *.a.test b.test',
])('%s is accepted', (text) => {
  expect(codeOf(rewrite, text)).toBeNull();
});

test('whatever upstream answers, the client gets a readable response to its question', () => {
  const corefile = `rewrite continue name regex (.*)\\.old\\. {1}.new answer name (.*) a.{1} value (.*) {1}
    rewrite continue ttl regex .* 5-50
    rewrite continue rcode regex .* NOERROR NXDOMAIN
    rewrite continue edns0 nsid set revert
    rewrite cname substring com test`;
  const rules = parseWith(rewrite, corefile);
  fc.assert(
    fc.property(nameArbitrary, responseArbitrary, (name, response) => {
      const asked = Buffer.concat([name.subarray(0, -1), Buffer.from('\x03old\0')]);
      fc.pre(asked.length <= 255);
      const tail = Buffer.from([0, 1, 0, 1]);
      const query = queryOf(
        Buffer.concat([Buffer.from('123401000001000000000000', 'hex'), asked, tail]),
      );
      const next: Stage = {
        resolve({ wireName, qtype, qclass }, done) {
          const questions = [{ name: wireName, type: qtype, class: qclass }];
          const answer = readAnswer(encodeMessage({ ...response, questions }));
          done(answer === null ? failed(2, 'unreadable') : answered(answer, 'forward'));
        },
      };
      const { context } = makeContext({
        lookUp: (asking, _name, _type, done) => next.resolve(asking, done),
      });
      let outcome: Outcome | undefined;
      rewrite.stage?.(rules, context, next).resolve(query, (given) => {
        outcome = given;
      });
      if (outcome?.answer) {
        const [question] = decodeMessage(outcome.answer.wire)?.questions ?? [];
        expect(question).toEqual({ name: asked, type: 1, class: 1 });
      } else {
        expect(outcome?.rcode).toBe(RCODE_SERVFAIL);
      }
    }),
    { seed: SEED, numRuns: 300 },
  );
});
