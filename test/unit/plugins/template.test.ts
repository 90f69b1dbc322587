import { describe, expect, test } from 'vitest';
import { nameToText } from '../../../src/dns/name.ts';
import { typeName } from '../../../src/dns/type.ts';
import { failed, type Outcome } from '../../../src/plugins/stage.ts';
import { template } from '../../../src/plugins/template.ts';
import { codeOf } from '../../helpers/directive.ts';
import { makeQuery, type QueryParts } from '../../helpers/queries.ts';
import { forwarded, makeStage, messageOf, NEXT } from '../../helpers/stage.ts';

const SERVFAIL_CODE = 2;

const ask = (text: string, name: string, parts: QueryParts = {}): Outcome =>
  makeStage(template, text).ask(makeQuery(name, parts));

describe('records', () => {
  test('are made from the groups of the name', () => {
    const text = `template IN A example {
      match "^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$"
      answer "{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ index .Match 3 }}"
      fallthrough
    }`;
    const outcome = ask(text, 'IP0a7b0110.Example');
    expect(outcome.plugin).toBe('template');
    expect(messageOf(outcome)).toMatchObject({
      rcode: 'NOERROR',
      aa: true,
      answers: [{ name: 'IP0a7b0110.Example', type: 'A', ttl: 60, data: '10.123.1.10' }],
    });
  });

  test('go to all three sections', () => {
    const text = `template IN MX example {
      answer "{{ .Name }} 60 IN MX 10 {{ .Name }}" "{{ .Name }} MX 20 b.{{ .Zone }}"
      authority "{{ .Zone }} 60 {{ .Class }} NS ns0.example."
      additional "ns0.example. 60 IN A 203.0.113.8"
      additional "ns0.example. 60 IN AAAA 2001:db8::8"
    }`;
    expect(messageOf(ask(text, 'a.example', { type: 'MX' }))).toMatchObject({
      answers: [
        { ttl: 60, data: { preference: 10, exchange: 'a.example' } },
        { ttl: 3600, data: { preference: 20, exchange: 'b.example' } },
      ],
      authorities: [{ name: 'example', data: 'ns0.example' }],
      additionals: [{ data: '203.0.113.8' }, { data: '2001:db8::8' }],
    });
  });

  test('know all about the query', () => {
    const text =
      `template ANY ANY {
      answer "{{ .Name }} TXT {{ .Zone }},{{ .Class }},{{ .Type }},{{ .Remote }},{{ .Question.Name }},{{ .Question.Qtype }},{{ .Message.Id }},{{ .Message.RecursionDesired }},{{ (index .Message.Question 0).Qclass }},{{ .Meta ` +
      '\\"x\\"' +
      ` }}"
    }`;
    const { answers } = messageOf(ask(text, 'A.Test', { type: 'TXT' }));
    expect(answers).toMatchObject([
      { data: [Buffer.from('.,IN,TXT,192.0.2.7,A.Test.,16,4660,true,1,')] },
    ]);
  });

  test('the first pattern that fits gives the groups', () => {
    const text = `template IN A {
      match ^a-(?<n>[0-9]+) ^b-(?<n>[0-9]+)(-x)?
      answer "{{ .Name }} A 10.0.0.{{ .Group.n }}{{ index .Group \\"2\\" }}"
    }`;
    expect(messageOf(ask(text, 'b-7.test')).answers).toMatchObject([{ data: '10.0.0.7' }]);
  });
});

describe('which queries', () => {
  const block = '{\n match ^a\\.\n rcode NXDOMAIN\n';
  test.each([
    [`template IN A test ${block}}`, 'a.test', {}, 'NXDOMAIN'],
    [`template IN A Test ${block}}`, 'A.TEST', {}, 'NXDOMAIN'],
    [`template IN A test ${block}}`, 'a.example', {}, 'next'],
    [`template IN A test ${block}}`, 'a.test', { type: 'AAAA' }, 'next'],
    [`template IN A test ${block}}`, 'a.test', { class: 'CH' }, 'next'],
    [`template ANY A test ${block}}`, 'a.test', { class: 'CH' }, 'NXDOMAIN'],
    [`template IN A test ${block}}`, 'a.test', { type: 'ANY' }, 'NXDOMAIN'],
    [`template IN ANY test ${block}}`, 'a.test', { type: 'AAAA' }, 'NXDOMAIN'],
    [`template IN A test ${block}}`, 'b.test', {}, 'SERVFAIL'],
    [`template IN A test ${block} fallthrough\n}`, 'b.test', {}, 'next'],
    [`template IN A test ${block} fallthrough in.test\n}`, 'b.in.test', {}, 'next'],
    [`template IN A test ${block} fallthrough in.test\n}`, 'b.test', {}, 'SERVFAIL'],
  ] as const)('%s, %s %o: %s', (text, name, parts, expected) => {
    const outcome = ask(text, name, parts);
    if (expected === 'next') expect(outcome).toBe(NEXT);
    else if (expected === 'SERVFAIL') expect(outcome).toEqual(failed(SERVFAIL_CODE, ''));
    else expect(messageOf(outcome)).toMatchObject({ rcode: expected, aa: true, answers: [] });
  });

  test('several templates are tried in their order', () => {
    const text = `template IN A a.test {\n answer "{{ .Name }} A 10.0.0.1"\n}
      template IN A test {\n answer "{{ .Name }} A 10.0.0.2"\n}`;
    expect(messageOf(ask(text, 'x.a.test')).answers).toMatchObject([{ data: '10.0.0.1' }]);
    expect(messageOf(ask(text, 'x.test')).answers).toMatchObject([{ data: '10.0.0.2' }]);
  });

  test('an expression that could take for ever does not', () => {
    const text = 'template IN A {\n match "^(a+)+$" "^(a|aa)+$" "^(.*)*x$"\n rcode NXDOMAIN\n}';
    const name = `${'a'.repeat(62)}.test`;
    const started = performance.now();
    expect(ask(text, name)).toEqual(failed(SERVFAIL_CODE, ''));
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('response codes', () => {
  test('SERVFAIL is left to the server, and no fault', () => {
    expect(ask('template ANY ANY {\n rcode SERVFAIL\n}', 'a.test')).toEqual(
      failed(SERVFAIL_CODE, ''),
    );
  });

  test('an extended error says why', () => {
    const text = 'template ANY ANY {\n rcode NXDOMAIN\n ederror 21 "Not here"\n}';
    const { answer } = ask(text, 'a.test');
    expect(answer?.opt?.subarray(11).toString('latin1')).toBe('\0\x0f\0\x0a\0\x15Not here');
  });

  test('a template without records answers that there are none', () => {
    const message = messageOf(ask('template IN AAAA {\n}', 'a.test', { type: 'AAAA' }));
    expect(message).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [] });
  });
});

describe('aliases', () => {
  /** A stage whose own server answers every question with `reply`. */
  function stageWith(text: string, reply: Outcome) {
    const asked: string[] = [];
    const made = makeStage(template, text, {
      lookUp: (_query, name, type, done) => {
        asked.push(`${nameToText(name, 0)} ${typeName(type)}`);
        done(reply);
      },
    });
    return { ...made, asked };
  }
  const text =
    'template IN ANY a.test {\n answer "{{ .Name }} 60 IN CNAME B.test" "{{ .Name }} 60 IN TXT x"\n}';
  const address = { name: 'b.test', type: 'A', ttl: 5, data: '192.0.2.9' } as const;

  test('are followed through our own server', () => {
    const { ask, asked } = stageWith(text, forwarded({ answers: [address] }));
    expect(messageOf(ask(makeQuery('a.test')))).toMatchObject({
      tc: false,
      answers: [
        { type: 'CNAME', data: 'B.test' },
        { type: 'A', ttl: 5, data: '192.0.2.9' },
        { type: 'TXT' },
      ],
    });
    expect(asked).toEqual(['B.test. A']);
  });

  test('are not followed for other types than addresses', () => {
    const { ask, asked } = stageWith(text, forwarded({ answers: [address] }));
    expect(messageOf(ask(makeQuery('a.test', { type: 'TXT' }))).answers).toHaveLength(2);
    expect(asked).toEqual([]);
  });

  test('stay alone when nothing is known of them', () => {
    const { ask } = stageWith(text, failed(SERVFAIL_CODE, 'timeout'));
    expect(messageOf(ask(makeQuery('a.test', { type: 'AAAA' }))).answers).toHaveLength(2);
  });

  test('tell of an answer that was cut', () => {
    const { ask } = stageWith(text, forwarded({ flags: 0x200, answers: [address] }));
    expect(messageOf(ask(makeQuery('a.test')))).toMatchObject({ tc: true });
  });
});

describe('counting', () => {
  const labels = 'server="dns://169.254.20.10:53"';

  test('matches', async () => {
    const stage = makeStage(template, 'template IN ANY test {\n rcode NXDOMAIN\n}');
    for (const type of ['A', 'A', 'AAAA']) stage.ask(makeQuery('a.test', { type }));
    stage.ask(makeQuery('a.test', { type: 'UNKNOWN_65280' }));
    expect(await stage.metric('coredns_template')).toEqual([
      `coredns_template_matches_total{class="IN",${labels},type="A",view="",zone="test."} 2`,
      `coredns_template_matches_total{class="IN",${labels},type="AAAA",view="",zone="test."} 1`,
      `coredns_template_matches_total{class="IN",${labels},type="other",view="",zone="test."} 1`,
    ]);
  });

  test.each([
    ['template', '{{ .Nothing }}', "can't evaluate field Nothing"],
    ['rr', '{{ .Name }} A nonsense', 'nonsense'],
  ])('%s failures, and why', async (kind, record, why) => {
    const stage = makeStage(template, `template IN A {\n answer "${record}"\n}`);
    const outcome = stage.ask(makeQuery('a.test'));
    expect(outcome).toMatchObject({ rcode: SERVFAIL_CODE, answer: null });
    expect(outcome.error).toContain(why);
    expect(await stage.metric(`coredns_template_${kind}_failures_total`)).toEqual([
      `coredns_template_${kind}_failures_total{class="IN",section="answer",${labels},template="${record}",type="A",view="",zone="."} 1`,
    ]);
  });
});

test.each([
  ['template ANY ANY', null],
  ['template ANY ANY {\n rcode NXDOMAIN\n}', null],
  ['template IN A x.test 10.0.0.0/8 {\n match a b\n upstream\n}', null],
  ['template IN A {\n ederror 21\n}', null],
  ['template', 'argument-count'],
  ['template ANY', 'argument-count'],
  ['template XX A', 'argument-value'],
  ['template IN XX', 'argument-value'],
  ['template IN A a..b', 'server-key'],
  ['template IN A {\n notavailable\n}', 'unknown-option'],
  ['template IN A {\n match\n}', 'argument-count'],
  ['template IN A {\n match (?=a)\n}', 'argument-value'],
  ['template IN A {\n match (a)\\1\n}', 'argument-value'],
  ['template IN A {\n match "["\n}', 'argument-value'],
  ['template IN A {\n answer\n}', 'argument-count'],
  ['template IN A {\n answer "{{ .Name"\n}', 'argument-value'],
  ['template IN A {\n authority "{{ nothing }}"\n}', 'argument-value'],
  ['template IN A {\n additional "{{ end }}"\n}', 'argument-value'],
  ['template IN A {\n rcode\n}', 'argument-count'],
  ['template IN A {\n rcode UNDEFINED\n}', 'argument-value'],
  ['template IN A {\n ederror\n}', 'argument-count'],
  ['template IN A {\n ederror x\n}', 'argument-value'],
  ['template IN A {\n ederror 65536\n}', 'argument-value'],
  ['template IN A {\n ederror 1 a b\n}', 'argument-count'],
])('%s: %s', (text, code) => {
  expect(codeOf(template, text)).toBe(code);
});
