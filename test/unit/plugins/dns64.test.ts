import { describe, expect, test } from 'vitest';
import { FLAG_AA, FLAG_AD, FLAG_TC, RCODE_NXDOMAIN } from '../../../src/dns/header.ts';
import { Query } from '../../../src/dns/query.ts';
import { respond } from '../../../src/dns/synthesis.ts';
import { dns64 } from '../../../src/plugins/dns64.ts';
import { answered, failed, type Outcome } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { resolveNow, type TextReply, TextUpstream } from '../../helpers/text-upstream.ts';
import { queryOf, queryWire, viewOf } from '../dns/messages.ts';

const SOA = 'test. 60 IN SOA ns.test. host.test. 1 7200 1800 86400 60';
const A: TextReply = { answers: ['v4.test. 30 IN A 192.0.2.4'] };

interface Asking {
  readonly corefile?: string;
  readonly type?: string;
  readonly address?: string;
  readonly flags?: number;
  readonly dnssecOk?: boolean;
  /** What is there for AAAA. */
  readonly aaaa?: TextReply | Outcome;
  /** What is there for A. */
  readonly a?: TextReply | Outcome;
}

/** What a client over IPv6 gets for V4.test. */
function ask(asking: Asking = {}) {
  const { aaaa = { authorities: [SOA] }, a = A, address = 'fd00::9' } = asking;
  const upstream = new TextUpstream((question) => (question.endsWith('AAAA') ? aaaa : a));
  const lookUps = new TextUpstream(() => a);
  let declined = false;
  const { context } = makeContext({
    lookUp: (query, name, type, done) => {
      const wire = queryWire('v4.test', type === 1 ? 'A' : 'TXT');
      expect(name).toEqual(Buffer.from('\x02V4\x04test\0'));
      lookUps.resolve(query.rewritten(wire) as Query, done);
    },
    declineHitPath: () => {
      declined = true;
    },
  });
  const options = parseWith(dns64, asking.corefile ?? 'dns64');
  const stage = dns64.stage?.(options, context, upstream);
  if (stage === undefined) throw new Error('dns64 has no stage');
  const opt = asking.dnssecOk ? { dnssecOk: true } : null;
  const wire = queryWire('V4.test', asking.type ?? 'AAAA', opt, asking.flags);
  const { client, zone, server } = queryOf(wire);
  const query = new Query(viewOf(wire), wire, 0, {
    client: { ...client, address, family: address.includes(':') ? 6 : 4 },
    zone,
    server,
    nowMs: 0,
  });
  const samples: unknown[] = [];
  const shown = resolveNow(stage, query);
  context.catalogue.read('coredns_dns64_requests_translated_total', (labels, value) =>
    samples.push([labels.server, value]),
  );
  return { ...shown, asked: [...upstream.asked, ...lookUps.asked], declined, samples };
}

test('a name without AAAA records gets its IPv4 addresses within the prefix', () => {
  expect(ask()).toMatchObject({
    question: 'V4.test. IN AAAA',
    rcode: 0,
    answers: ['V4.test. 30 IN AAAA 64:ff9b::c000:204'],
    plugin: 'dns64',
    asked: ['V4.test. IN AAAA', 'v4.test. IN A'],
    samples: [['dns://169.254.20.10:53', 1]],
    declined: true,
  });
});

describe('what is translated', () => {
  test.each<[string, Asking]>([
    [
      'over IPv4 where that is allowed',
      { corefile: 'dns64 {\n allow_ipv4\n}', address: '10.0.0.1' },
    ],
    [
      'a name with AAAA records where all are',
      { corefile: 'dns64 {\n translate_all\n}', aaaa: { answers: ['v4.test. 9 IN AAAA fd00::1'] } },
    ],
    [
      'a name with IPv4 addresses in disguise alone',
      { aaaa: { answers: ['v4.test. 9 IN AAAA ::ffff:192.0.2.1'] } },
    ],
    ['an alias that leads nowhere', { aaaa: { answers: ['v4.test. 9 IN CNAME b.test.'] } }],
    ['a server error for AAAA', { aaaa: { rcode: 2 } }],
    ['DO alone', { dnssecOk: true }],
    ['CD alone', { flags: 0x0110 }],
  ])('%s', (_, asking) => {
    expect(ask(asking).answers).toEqual(['V4.test. 30 IN AAAA 64:ff9b::c000:204']);
  });
});

describe('what is not translated', () => {
  test.each<[string, Asking]>([
    ['a question over IPv4', { address: '10.0.0.1' }],
    ['another type', { type: 'TXT', a: {} }],
    ['a name that is not there', { aaaa: { rcode: RCODE_NXDOMAIN, authorities: [SOA] } }],
    ['a name with AAAA records', { aaaa: { answers: ['v4.test. 9 IN AAAA fd00::1'] } }],
    [
      'a name with AAAA records behind an alias',
      { aaaa: { answers: ['v4.test. 9 IN CNAME b.test.', 'b.test. 9 IN AAAA fd00::1'] } },
    ],
    ['a name for a client that validates itself', { dnssecOk: true, flags: 0x0110 }],
    ['no answer at all', { aaaa: failed(2, 'timeout') }],
  ])('%s', (_, asking) => {
    const { asked, samples, plugin } = ask(asking);
    expect(asked).toHaveLength(1);
    expect(plugin).not.toBe('dns64');
    expect(samples).toEqual([]);
  });

  test('an answer that was cut: the client asks again over TCP', () => {
    const cut = queryOf(queryWire('V4.test', 'AAAA'));
    const answer = respond(cut, {});
    answer.wire.writeUInt16BE(answer.flags | FLAG_TC, 2);
    const outcome = answered({ ...answer, truncated: true } as typeof answer, 'forward');
    expect(ask({ aaaa: outcome }).asked).toHaveLength(1);
  });
});

describe('the made answer', () => {
  test.each([
    ['the SOA’s TTL', 300, [SOA], 60],
    ['the address’ TTL', 20, [SOA], 20],
    ['600 s without SOA', 3600, [], 600],
  ])('lives for %s', (_, ttl, authorities, expected) => {
    const { answers } = ask({
      a: { answers: [`v4.test. ${ttl} IN A 192.0.2.4`] },
      aaaa: { authorities },
    });
    expect(answers).toEqual([`V4.test. ${expected} IN AAAA 64:ff9b::c000:204`]);
  });

  test('has everything else as it is', () => {
    const a: TextReply = {
      answers: ['v4.test. 900 IN CNAME b.test.', 'b.test. 5 IN A 192.0.2.4'],
      authorities: ['test. 7 IN NS ns.test.'],
      additionals: ['ns.test. 7 IN A 192.0.2.5'],
    };
    expect(ask({ a })).toMatchObject({
      answers: ['V4.test. 900 IN CNAME b.test.', 'b.test. 5 IN AAAA 64:ff9b::c000:204'],
      authorities: a.authorities,
      additionals: a.additionals,
    });
  });

  test('has neither AA nor AD', () => {
    const query = queryOf(queryWire('v4.test', 'A'));
    const answer = respond(query, { aa: true });
    answer.wire.writeUInt16BE(answer.flags | FLAG_AD, 2);
    let flags = 0;
    const { context } = makeContext({
      lookUp: (_query, _name, _type, done) => done(answered(answer, 'cache')),
    });
    const upstream = new TextUpstream(() => ({}));
    const options = parseWith(dns64, 'dns64 {\n allow_ipv4\n}');
    dns64
      .stage?.(options, context, upstream)
      .resolve(queryOf(queryWire('v4.test', 'AAAA')), (outcome) => {
        flags = outcome.answer?.flags ?? 0;
      });
    expect(flags & (FLAG_AA | FLAG_AD)).toBe(0);
  });

  test.each<[string, TextReply, number]>([
    ['no addresses', { authorities: [SOA] }, 0],
    ['a name error', { rcode: RCODE_NXDOMAIN, authorities: [SOA] }, RCODE_NXDOMAIN],
    ['a server error', { rcode: 2 }, 2],
  ])('is %s where that is the answer for A', (_, a, rcode) => {
    expect(ask({ a })).toMatchObject({
      rcode,
      question: 'V4.test. IN AAAA',
      answers: [],
      authorities: a.authorities ?? [],
    });
  });

  test('is a failure where asking for A failed', () => {
    expect(ask({ a: failed(2, 'timeout') })).toMatchObject({ rcode: 2, error: 'timeout' });
  });
});

// RFC 6052 §2.4, Table 1.
test.each([
  ['2001:db8::/32', '2001:db8:c000:221::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
  ['64:ff9b::/96', '64:ff9b::c000:221'],
  ['2001:db8:122:344:ffff::/64', '2001:db8:122:344:c0:2:2100:0'],
])('192.0.2.33 within %s is %s', (prefix, address) => {
  const a = { answers: ['v4.test. 30 IN A 192.0.2.33'] };
  expect(ask({ corefile: `dns64 ${prefix}`, a }).answers[0]).toBe(`V4.test. 30 IN AAAA ${address}`);
  const corefile = `dns64 {\n prefix ${prefix}\n}`;
  expect(ask({ corefile, a }).answers[0]).toBe(`V4.test. 30 IN AAAA ${address}`);
});

test.each([
  ['dns64 64:ff9b::/97', 'argument-value'],
  ['dns64 64:ff9b::/36', 'argument-value'],
  ['dns64 64:ff9b::/24', 'argument-value'],
  ['dns64 64:ff9b::/104', 'argument-value'],
  ['dns64 64:ff9b::/999', 'argument-value'],
  ['dns64 64:ff9b::', 'argument-value'],
  ['dns64 10.0.0.0/8', 'argument-value'],
  ['dns64 64:ff9b::/96 fd00::/96', 'argument-count'],
  ['dns64 {\n prefix\n}', 'argument-count'],
  ['dns64 {\n translate_all now\n}', 'argument-count'],
  ['dns64 {\n bogus\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(dns64, text)).toBe(code);
});

test('what is left out has its default', () => {
  const { prefix, ...flags } = parseWith(dns64, 'dns64');
  expect(flags).toEqual({ translateAll: false, allowIpv4: false });
  expect(prefix).toMatchObject({ length: 12 });
});
