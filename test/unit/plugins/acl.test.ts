import { describe, expect, test } from 'vitest';
import { acl } from '../../../src/plugins/acl.ts';
import { DROPPED } from '../../../src/plugins/stage.ts';
import { codeOf } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { makeStage, messageOf, NEXT } from '../../helpers/stage.ts';

type Action = 'allow' | 'block' | 'filter' | 'drop';

/** What becomes of a query. */
function actionOn(text: string, address: string, name = 'www.test', type = 'A'): Action {
  const outcome = makeStage(acl, text).ask(makeQuery(name, { type, client: { address } }));
  if (outcome === NEXT) return 'allow';
  if (outcome === DROPPED) return 'drop';
  return messageOf(outcome).rcode === 'REFUSED' ? 'block' : 'filter';
}

describe('the first line that fits decides', () => {
  const exception = 'acl {\n allow net 192.168.1.0/24\n block net 192.168.0.0/16\n}';
  const onlyThese = 'acl {\n allow net 10.0.0.0/8 fd00::/8 192.0.2.7\n block\n}';
  const types = 'acl {\n BLOCK TYPE A MX NET 192.168.0.0/16\n}';
  test.each<[string, string, string, Action]>([
    [exception, '192.168.1.5', 'A', 'allow'],
    [exception, '192.168.2.5', 'A', 'block'],
    [exception, '10.0.0.1', 'A', 'allow'],
    [onlyThese, '10.1.2.3', 'A', 'allow'],
    [onlyThese, 'fd00::1', 'A', 'allow'],
    [onlyThese, 'fe80::1%eth0', 'A', 'block'],
    [onlyThese, '192.0.2.7', 'A', 'allow'],
    [onlyThese, '192.0.2.8', 'A', 'block'],
    [types, '192.168.0.1', 'MX', 'block'],
    [types, '192.168.0.1', 'AAAA', 'allow'],
    [types, '10.0.0.1', 'A', 'allow'],
    ['acl {\n drop type * net *\n}', '192.0.2.1', 'A', 'drop'],
    ['acl {\n filter type AAAA\n}', '192.0.2.1', 'AAAA', 'filter'],
  ])('%s: %s asks for %s: %s', (text, address, type, action) => {
    expect(actionOn(text, address, 'www.test', type)).toBe(action);
  });
});

test('the zones bound what a rule is for; a later rule may still decide', () => {
  const text = 'acl a.test b.test {\n block\n}\nacl {\n filter\n}';
  expect(actionOn(text, '192.0.2.1', 'x.A.test')).toBe('block');
  expect(actionOn(text, '192.0.2.1', 'b.test')).toBe('block');
  expect(actionOn(text, '192.0.2.1', 'c.test')).toBe('filter');
});

test('an address that cannot be read is in no network, but all are meant by *', () => {
  expect(actionOn('acl {\n allow net 0.0.0.0/0 ::/0\n block\n}', 'nonsense')).toBe('block');
});

test('what is refused says why to clients with EDNS', () => {
  const { ask } = makeStage(acl, 'acl {\n block type A\n filter\n}');
  expect(ask(makeQuery('a.test')).answer?.opt?.subarray(11).toString('hex')).toBe('000f0002000f');
  const filtered = ask(makeQuery('a.test', { type: 'TXT' }));
  expect(filtered.answer?.opt?.subarray(11).toString('hex')).toBe('000f00020011');
  expect(messageOf(filtered)).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [] });
});

test('every query is counted, and none goes the short way', async () => {
  const stage = makeStage(acl, 'acl {\n block net 10.0.0.1\n filter type TXT\n drop type MX\n}');
  stage.ask(makeQuery('a.test', { client: { address: '10.0.0.1' } }));
  stage.ask(makeQuery('a.test', { type: 'TXT' }));
  stage.ask(makeQuery('a.test', { type: 'MX' }));
  stage.ask(makeQuery('a.test'));
  stage.ask(makeQuery('b.test'));
  const labels = 'server="dns://169.254.20.10:53",view=""';
  expect(await stage.metric('coredns_acl')).toEqual([
    `coredns_acl_allowed_requests_total{${labels}} 2`,
    `coredns_acl_blocked_requests_total{${labels},zone="."} 1`,
    `coredns_acl_dropped_requests_total{${labels},zone="."} 1`,
    `coredns_acl_filtered_requests_total{${labels},zone="."} 1`,
  ]);
  expect(stage.declined).toBe(true);
});

test.each([
  ['acl', null],
  ['acl a b {\n}', null],
  ['acl {\n deny\n}', 'unknown-option'],
  ['acl {\n block from 10.0.0.1\n}', 'unknown-option'],
  ['acl {\n block type\n}', 'argument-count'],
  ['acl {\n block type net 10.0.0.1\n}', 'argument-count'],
  ['acl {\n block net\n}', 'argument-count'],
  ['acl {\n block type ABC\n}', 'argument-value'],
  ['acl {\n block net 10.0.0.256\n}', 'argument-value'],
  ['acl {\n block net 10.0.0.0/33\n}', 'argument-value'],
])('%s: %s', (text, code) => {
  expect(codeOf(acl, text)).toBe(code);
});
