import { describe, expect, test } from 'vitest';
import type { EdnsOption } from '../../../src/dns/edns.ts';
import { Query } from '../../../src/dns/query.ts';
import { rewrite } from '../../../src/plugins/rewrite.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { resolveNow, TextUpstream } from '../../helpers/text-upstream.ts';
import { queryOf, queryWire, viewOf } from '../dns/messages.ts';

const LOCAL = 0xffee;
const local = (text: string): EdnsOption => ({ code: LOCAL, data: Buffer.from(text) });
const nsid = (text: string): EdnsOption => ({ code: 3, data: Buffer.from(text) });

/** What upstream gets of a client's options, and the client of upstream's. */
function ask(
  corefile: string,
  sent: readonly EdnsOption[] | null,
  { answered = [], query = clientQuery(sent) }: { answered?: EdnsOption[]; query?: Query } = {},
) {
  const upstream = new TextUpstream(() => ({ options: answered }));
  const stage = rewrite.stage?.(parseWith(rewrite, corefile), makeContext().context, upstream);
  if (stage === undefined) throw new Error('rewrite has no stage');
  const { options } = resolveNow(stage, query);
  return { forwarded: upstream.lastOptions, options, query: upstream.queries[0] };
}

function clientQuery(options: readonly EdnsOption[] | null): Query {
  return queryOf(queryWire('A.test', 'A', options && { size: 1400, options: [...options] }));
}

describe('actions', () => {
  test.each<[string, EdnsOption[] | null, EdnsOption[] | null]>([
    ['set', null, [local('new')]],
    ['set', [], [local('new')]],
    ['set', [local('old'), nsid('n')], [local('new'), nsid('n')]],
    ['append', null, [local('new')]],
    ['append', [nsid('n')], [nsid('n'), local('new')]],
    ['append', [local('old')], [local('old')]],
    ['replace', null, null],
    ['replace', [nsid('n')], [nsid('n')]],
    ['replace', [local('old')], [local('new')]],
    ['REPLACE', [local('old')], [local('new')]],
  ])('%s on %j', (action, sent, forwarded) => {
    expect(ask(`rewrite edns0 local ${action} 0xffee new`, sent).forwarded).toEqual(forwarded);
  });

  test.each<[EdnsOption[] | null, EdnsOption[] | null]>([
    [null, null],
    [[nsid('n')], [nsid('n')]],
    [[nsid('n'), local('old')], [nsid('n')]],
    [[local('a'), local('b')], []],
  ])('unset on %j', (sent, forwarded) => {
    expect(ask('rewrite edns0 local unset 65518', sent).forwarded).toEqual(forwarded);
  });

  test('an action that finds nothing to do does not stop', () => {
    const corefile = 'rewrite edns0 local replace 0xffee a\nrewrite edns0 local set 0xffee b';
    expect(ask(corefile, []).forwarded).toEqual([local('b')]);
  });

  test('size and DO of the client stay, an OPT record of ours takes 1232 octets', () => {
    const sent = clientQuery([]);
    expect(ask('rewrite edns0 nsid set', [], { query: sent }).query.ednsSize).toBe(1400);
    expect(ask('rewrite edns0 nsid set', null).query.ednsSize).toBe(1232);
    const secure = queryOf(queryWire('a.test', 'A', { dnssecOk: true }));
    expect(ask('rewrite edns0 nsid set', null, { query: secure }).query.dnssecOk).toBe(true);
  });

  test('the client’s message is left alone', () => {
    const query = clientQuery([local('old')]);
    const before = Buffer.from(query.wire);
    ask('rewrite edns0 local set 0xffee new', null, { query });
    expect(query.wire).toEqual(before);
  });
});

test.each([
  ['abcd', '61626364'],
  ['0x61626364', '61626364'],
  ['0x', ''],
  ['{qname}', Buffer.from('A.test.').toString('hex')],
  ['{qtype}', '0001'],
  ['{client_ip}', 'c0000209'],
  ['{client_port}', '10e1'],
  ['{protocol}', '756470'],
  ['{server_ip}', 'a9fe140a'],
  ['{server_port}', '0035'],
])('local data %s is %s', (data, hex) => {
  const { forwarded } = ask(`rewrite edns0 local set 0xffee ${data}`, []);
  expect(forwarded?.[0].data.toString('hex')).toBe(hex);
});

test('{qname} and {qtype} are those of the question as rewritten so far', () => {
  const corefile = `rewrite continue name a.test b.test
    rewrite continue type A MX
    rewrite continue edns0 local set 1 {qname}
    rewrite edns0 local set 2 {qtype}`;
  expect(ask(corefile, []).forwarded).toEqual([
    { code: 1, data: Buffer.from('b.test.') },
    { code: 2, data: Buffer.from([0, 15]) },
  ]);
});

test('a metadata label that nobody gives leaves the query as it is', () => {
  expect(ask('rewrite edns0 local set 0xffee {some-plugin/label}', []).forwarded).toEqual([]);
});

test('NSID is asked for with an empty option', () => {
  expect(ask('rewrite edns0 nsid set', [nsid('x')]).forwarded).toEqual([nsid('')]);
  expect(ask('rewrite edns0 nsid append', [nsid('x')]).forwarded).toEqual([nsid('x')]);
  expect(ask('rewrite edns0 nsid unset', [nsid('x')]).forwarded).toEqual([]);
});

describe('subnet', () => {
  test.each([
    ['24 56', '192.0.2.200', '00011800c00002'],
    ['20 56', '192.0.255.200', '00011400c000f0'],
    ['0 56', '192.0.2.200', '00010000'],
    ['32 128', '192.0.2.200', '00012000c00002c8'],
    ['24 56', '2001:db8:1234:56ff::1', '0002380020010db8123456'],
    ['24 1', 'ffff::1', '0002010080'],
  ])('%s of %s', (bits, address, hex) => {
    const wire = queryWire('a.test', 'A');
    const { client, zone, server } = clientQuery(null);
    const query = new Query(viewOf(wire), wire, 0, {
      client: { ...client, address },
      zone,
      server,
      nowMs: 0,
    });
    const { forwarded } = ask(`rewrite edns0 subnet set ${bits}`, null, { query });
    expect(forwarded).toEqual([{ code: 8, data: Buffer.from(hex, 'hex') }]);
  });
});

describe('revert', () => {
  test.each<[string, EdnsOption[], EdnsOption[], EdnsOption[]]>([
    ['local set 0xffee new revert', [], [local('up')], []],
    ['local set 0xffee new', [], [local('up')], [local('up')]],
    [
      'local replace 0xffee new revert',
      [local('old')],
      [nsid('n'), local('up')],
      [nsid('n'), local('old')],
    ],
    ['nsid set revert', [], [nsid('server'), local('x')], [local('x')]],
  ])('%s', (rule, sent, answered, options) => {
    expect(ask(`rewrite edns0 ${rule}`, sent, { answered }).options).toEqual(options);
  });

  test('a response without OPT record stays without', () => {
    const { options } = ask('rewrite edns0 local set 0xffee new revert', null);
    expect(options).toBeNull();
  });
});

test.each([
  ['edns0 local', 'argument-count'],
  ['edns0 bogus set', 'argument-value'],
  ['edns0 local bogus 1 a', 'argument-value'],
  ['edns0 local set 1', 'argument-count'],
  ['edns0 local set 1 a b', 'argument-count'],
  ['edns0 local set 65536 a', 'argument-value'],
  ['edns0 local set 0xzz a', 'argument-value'],
  ['edns0 local set 1 0x1', 'argument-value'],
  ['edns0 local set 1 0xgg', 'argument-value'],
  ['edns0 local set 1 {bogus}', 'argument-value'],
  ['edns0 local unset', 'argument-count'],
  ['edns0 local unset 1 a', 'argument-count'],
  ['edns0 nsid set a', 'argument-count'],
  ['edns0 subnet set 24', 'argument-count'],
  ['edns0 subnet set 33 56', 'argument-value'],
  ['edns0 subnet set 24 129', 'argument-value'],
  ['edns0 subnet unset 24 56', 'argument-count'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(rewrite, `rewrite ${text}`)).toBe(code);
});
