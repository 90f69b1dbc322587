import { describe, expect, test } from 'vitest';
import { local } from '../../../src/plugins/local.ts';
import { codeOf } from '../../helpers/directive.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { makeStage, messageOf, NEXT } from '../../helpers/stage.ts';

describe('answers', () => {
  test.each([
    ['localhost', 'A', '127.0.0.1'],
    ['LocalHost', 'AAAA', '::1'],
    ['localhost', 'NS', 'localhost'],
    ['www.localhost', 'A', '127.0.0.1'],
    ['a.b.localhost', 'AAAA', '::1'],
    ['localhost.svc.cluster.local', 'A', '127.0.0.1'],
    ['1.0.0.127.in-addr.arpa', 'PTR', 'localhost'],
    ['127.in-addr.arpa', 'NS', 'localhost'],
  ])('%s %s is %s', (name, type, data) => {
    const outcome = makeStage(local, 'local').ask(makeQuery(name, { type }));
    expect(outcome.plugin).toBe('local');
    expect(messageOf(outcome)).toMatchObject({
      rcode: 'NOERROR',
      answers: [{ name, type, ttl: 604_800, data }],
      authorities: [],
    });
  });

  test.each([
    ['localhost', 'MX', 'NOERROR', 'localhost'],
    ['www.localhost', 'NS', 'NOERROR', 'localhost'],
    ['localhost.example', 'MX', 'NOERROR', 'localhost.example'],
    ['0.in-addr.arpa', 'A', 'NOERROR', '0.in-addr.arpa'],
    ['1.0.0.127.in-addr.arpa', 'A', 'NOERROR', '127.in-addr.arpa'],
    ['2.0.0.127.in-addr.arpa', 'PTR', 'NXDOMAIN', '127.in-addr.arpa'],
    ['255.255.255.255.in-addr.arpa', 'PTR', 'NXDOMAIN', '255.in-addr.arpa'],
  ])('%s %s: %s with the SOA record of %s', (name, type, rcode, zone) => {
    expect(messageOf(makeStage(local, 'local').ask(makeQuery(name, { type })))).toMatchObject({
      rcode,
      answers: [],
      authorities: [{ name: zone, type: 'SOA', data: { mname: 'localhost', minimum: 604_800 } }],
    });
  });
});

test.each([
  'example.org',
  'mylocalhost',
  'localhosts.example',
  'www.localhost.example',
  '1.in-addr.arpa',
  '.',
])('%s is left to the next one', (name) => {
  expect(makeStage(local, 'local').ask(makeQuery(name))).toBe(NEXT);
});

test('another class than IN is left to the next one', () => {
  expect(makeStage(local, 'local').ask(makeQuery('localhost', { class: 'CH' }))).toBe(NEXT);
});

test('localhost under other domains can be left alone', () => {
  const { ask } = makeStage(local, 'local {\n localhost_prefix off\n}');
  expect(ask(makeQuery('localhost.example'))).toBe(NEXT);
  expect(ask(makeQuery('www.localhost'))).not.toBe(NEXT);
});

test('names made of localhost and more are counted; stored answers stay on the short way', async () => {
  const stage = makeStage(local, 'local');
  for (const name of ['localhost', 'a.localhost', 'localhost.test']) stage.ask(makeQuery(name));
  expect(await stage.metric('coredns_local')).toEqual(['coredns_local_localhost_requests_total 2']);
  expect(stage.declined).toBe(false);
});

test.each([
  ['local x', 'argument-count'],
  ['local {\n x\n}', 'unknown-option'],
  ['local {\n localhost_prefix\n}', 'argument-count'],
  ['local {\n localhost_prefix maybe\n}', 'argument-value'],
  ['local {\n localhost_prefix on\n}', null],
])('%s: %s', (text, code) => {
  expect(codeOf(local, text)).toBe(code);
});
