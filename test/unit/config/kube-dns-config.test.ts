import { expect, test } from 'vitest';
import {
  EMPTY_KUBE_DNS_CONFIG,
  KubeDnsConfigError,
  readKubeDnsConfig,
} from '../../../src/config/kube-dns-config.ts';

const stub = (value: unknown) => new Map([['stubDomains', JSON.stringify(value)]]);
const upstream = (value: unknown) => new Map([['upstreamNameservers', JSON.stringify(value)]]);

test('without keys, or with keys of no concern, nothing is configured', () => {
  expect(readKubeDnsConfig(new Map())).toEqual(EMPTY_KUBE_DNS_CONFIG);
  expect(readKubeDnsConfig(new Map([['federations', 'a=b.c']]))).toEqual(EMPTY_KUBE_DNS_CONFIG);
});

test('stub domains are sorted and keep the order of their servers', () => {
  const config = readKubeDnsConfig(
    stub({ 'b.local': ['2.2.2.2', '1.1.1.1:10053'], 'a.local': ['[2001:db8::1]:53', 'fd00::1'] }),
  );
  expect(config.stubDomains).toEqual([
    { domain: 'a.local', servers: ['[2001:db8::1]:53', 'fd00::1'] },
    { domain: 'b.local', servers: ['2.2.2.2', '1.1.1.1:10053'] },
  ]);
});

test.each([
  [stub({})],
  [stub(null)],
  [stub({ 'acme.local': ['1.2.3.4:65535'] })],
  [upstream([])],
  [upstream(null)],
  [upstream(['1.2.3.4', '8.8.8.8:53', '[fd00::1]:53'])],
  [upstream(['1.2.3.4', '1.2.3.4:54', '1.2.3.4:55'])],
  [stub({ a: ['1.2.3.4'], 'a.b': ['1.2.3.4'] })],
])('%s is accepted', (files) => {
  expect(() => readKubeDnsConfig(files)).not.toThrow();
});

test.each([
  ['json', new Map([['stubDomains', '{']])],
  ['json', new Map([['stubDomains', '']])],
  ['json', stub([])],
  ['json', stub({ a: '1.2.3.4' })],
  ['json', upstream({})],
  ['json', upstream('1.2.3.4')],
  ['domain', stub({ '': ['1.2.3.4'] })],
  ['domain', stub({ $$$$: ['1.2.3.4'] })],
  ['domain', stub({ 'Acme.local': ['1.2.3.4'] })],
  ['domain', stub({ [`${'a'.repeat(254)}`]: ['1.2.3.4'] })],
  ['server', stub({ a: ['$$$$'] })],
  ['server', stub({ a: ['ns.example.org'] })],
  ['server', stub({ a: ['1.2.3.4:65564'] })],
  ['server', stub({ a: ['1.2.3.4:0'] })],
  ['server', stub({ a: [''] })],
  ['server', stub({ a: [4] })],
  ['server', stub({ a: ['/etc/resolv.conf'] })],
  ['server', upstream(['ns.example.org'])],
  ['server', upstream(['1.1.1.1:abc'])],
  ['server', upstream(['1.1.1.1:'])],
  ['server', upstream(['1.1.1.1:123456789'])],
  ['server', upstream(['[1.1.1.1]:53'])],
  ['count', stub({ a: [] })],
  ['count', stub({ a: Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`) })],
  ['duplicate', stub({ a: ['1.2.3.4', '5.6.7.8', '1.2.3.4'] })],
  ['duplicate', stub({ a: ['1.2.3.4', '1.2.3.4:53'] })],
  ['duplicate', stub({ a: ['[fd00:0::1]:53', 'fd00::1'] })],
  ['duplicate', upstream(['8.8.8.8:53', '8.8.8.8'])],
  [
    'duplicate',
    new Map([['stubDomains', '{"a": ["1.1.1.1"], "b": ["1.1.1.1"], "a": ["2.2.2.2"]}']]),
  ],
  ['duplicate', new Map([['stubDomains', '{"a":["1.1.1.1"],"\\u0061" : []}']])],
  ['count', upstream(['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'])],
])('%s: %s is refused', (code, files) => {
  expect(() => readKubeDnsConfig(files)).toThrow(KubeDnsConfigError);
  expect(() => readKubeDnsConfig(files)).toThrow(expect.objectContaining({ code }));
});

test('says what is there twice, whatever else is written as a key', () => {
  const text = '{"a.b": ["1.1.1.1"], "c": ["2.2.2.2", "2.2.2.2"]}';
  expect(() => readKubeDnsConfig(new Map([['stubDomains', text]]))).toThrow(
    'kube-dns ConfigMap: stubDomains: c: 2.2.2.2:53 is there twice',
  );
  const twice = '{"a.b": ["1.1.1.1"], "a.b": ["2.2.2.2"]}';
  expect(() => readKubeDnsConfig(new Map([['stubDomains', twice]]))).toThrow(
    'kube-dns ConfigMap: stubDomains: "a.b" is there twice',
  );
  // Keys within what is refused for another reason are none of the domains.
  const nested = '{"a": {"b": [], "b": []}}';
  expect(() => readKubeDnsConfig(new Map([['stubDomains', nested]]))).toThrow(
    expect.objectContaining({ code: 'json' }),
  );
});
