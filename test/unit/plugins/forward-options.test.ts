import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forward } from '../../../src/plugins/forward.ts';
import type { ForwardRule } from '../../../src/plugins/forward-options.ts';
import { codeOf, parseWith } from '../../helpers/directive.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'forward-'));
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 10.0.0.1\nnameserver fe80::1%eth0\n');
  writeFileSync(
    join(folder, 'options'),
    'nameserver 10.0.0.1\noptions rotate timeout:1 attempts:3\n',
  );
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'many'), 'nameserver 10.0.0.1\n'.repeat(16));
  writeFileSync(join(folder, 'pem'), 'certificate');
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A path in the folder for FILE. */
const filled = (text: string) => text.replaceAll('FILE', folder);
const ruleOf = (text: string): ForwardRule => parseWith(forward, filled(text)).rules[0];
const target = (text: string) => ruleOf(`forward . ${text}`).targets[0];

describe('forward syntax', () => {
  it('has the defaults of the original, and a maximum age', () => {
    expect(ruleOf('forward . 127.0.0.1')).toMatchObject({
      from: '.',
      except: [],
      forwarder: {
        policy: 'random',
        forceTcp: false,
        preferUdp: false,
        randomizeCase: false,
        maxFails: 2,
        maxConcurrent: 0,
        maxConnectAttempts: 0,
        failFast: false,
        retryCeilingMs: 2000,
        silenceMs: 1800,
        deadlineMs: 5000,
      },
      limits: { kept: 2, idleMs: 10_000, maxAgeMs: 60_000 },
      healthCheck: { intervalMs: 500, recursionDesired: true, domain: '.' },
      sourceAddress: '',
      httpsMethod: 'POST',
      resolvers: [],
      nextOnNodata: false,
    });
  });

  it.each([
    ['127.0.0.1', '127.0.0.1', 53, false, ''],
    ['127.0.0.1:5353', '127.0.0.1', 5353, false, ''],
    ['dns://127.0.0.1', '127.0.0.1', 53, false, ''],
    ['tls://127.0.0.1', '127.0.0.1', 853, true, ''],
    ['tls://127.0.0.1:8530', '127.0.0.1', 8530, true, ''],
    ['::1', '::1', 53, false, ''],
    ['[::1]', '::1', 53, false, ''],
    ['[2003::1]:5353', '2003::1', 5353, false, ''],
    ['fe80::1%eth0', 'fe80::1', 53, false, 'eth0'],
    ['tls://9.9.9.9%dns.quad9.net', '9.9.9.9', 853, true, 'dns.quad9.net'],
    ['tls://9.9.9.9%dns.quad9.net:10853', '9.9.9.9', 10_853, true, 'dns.quad9.net'],
    ['tls://[::1]%dns.test:10853', '::1', 10_853, true, 'dns.test'],
  ])('reads %s', (text, address, port, isTls, serverName) => {
    expect(target(text)).toEqual({ kind: 'address', address, port, isTls, serverName });
  });

  it.each([
    ['dns.example.com', 'dns.example.com', 53, false, ''],
    ['dns.example.com.:5353', 'dns.example.com', 5353, false, ''],
    ['dns://rbldnsd.rbldnsd.svc.cluster.local', 'rbldnsd.rbldnsd.svc.cluster.local', 53, false, ''],
    ['_dns._udp.example', '_dns._udp.example', 53, false, ''],
    ['router.', 'router', 53, false, ''],
    ['4.dns.example', '4.dns.example', 53, false, ''],
    ['tls://dns.example.com', 'dns.example.com', 853, true, ''],
    ['tls://dns.example.com:8853', 'dns.example.com', 8853, true, ''],
    ['tls://a.example%b.example:8853', 'a.example', 8853, true, 'b.example'],
  ])('reads the host name %s', (text, name, port, isTls, serverName) => {
    expect(target(text)).toEqual({ kind: 'host', name, port, isTls, serverName });
  });

  it.each([
    ['https://9.9.9.9', 'address', 443, '/dns-query', ''],
    ['https://9.9.9.9:8443/family', 'address', 8443, '/family', ''],
    [
      'https://[2620:fe::fe]%dns.quad9.net/dns-query',
      'address',
      443,
      '/dns-query',
      'dns.quad9.net',
    ],
    ['https://dns.quad9.net', 'host', 443, '/dns-query', ''],
    ['https://dns.quad9.net:8443/', 'host', 8443, '/', ''],
  ])('reads %s', (text, kind, port, path, serverName) => {
    expect(target(text)).toMatchObject({ kind, port, path, serverName, isTls: true });
  });

  it('counts a host name as one, whatever it stands for', () => {
    expect(ruleOf(`forward . ${'dns.example '.repeat(15)}`).targets).toHaveLength(15);
  });

  it('takes a word for a file when there is one of that name', () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(target('resolv.conf')).toMatchObject({ kind: 'file', path: 'resolv.conf' });
    } finally {
      process.chdir(before);
    }
  });

  it('reads the name servers of a file', () => {
    expect(target('FILE/resolv.conf')).toMatchObject({
      kind: 'file',
      conf: { servers: ['10.0.0.1', 'fe80::1'] },
    });
  });

  it('follows the options of a resolv.conf where the Corefile says nothing', () => {
    expect(ruleOf('forward . FILE/options').forwarder).toMatchObject({
      policy: 'round_robin',
      retryCeilingMs: 1000,
      sendsPerUpstream: 3,
    });
    expect(ruleOf('forward . FILE/options {\npolicy sequential\n}').forwarder.policy).toBe(
      'sequential',
    );
  });

  it.each<[string, object]>([
    ['except a.test B.test.', { except: ['a.test.', 'b.test.'] }],
    ['except 10.9.0.0/16', { except: ['9.10.in-addr.arpa.'] }],
    ['randomize_case', { forwarder: { randomizeCase: true } }],
    ['force_tcp', { forwarder: { forceTcp: true, preferUdp: false } }],
    ['prefer_udp', { forwarder: { forceTcp: false, preferUdp: true } }],
    ['expire 20s', { limits: { idleMs: 20_000 } }],
    ['max_age 5m', { limits: { maxAgeMs: 300_000 } }],
    ['max_age 0s', { limits: { maxAgeMs: Number.POSITIVE_INFINITY } }],
    ['max_idle_conns 4', { limits: { kept: 4 } }],
    ['max_idle_conns 0', { limits: { kept: 2 } }],
    ['read_timeout 6s', { forwarder: { silenceMs: 5400, deadlineMs: 6000 } }],
    ['max_fails 3', { forwarder: { maxFails: 3 } }],
    ['max_connect_attempts 5', { forwarder: { maxConnectAttempts: 5 } }],
    ['max_concurrent 1000', { forwarder: { maxConcurrent: 1000 } }],
    ['policy round_robin', { forwarder: { policy: 'round_robin' } }],
    ['source_address 10.1.1.1', { sourceAddress: '10.1.1.1' }],
    ['resolver 10.96.0.10', { resolvers: ['10.96.0.10:53'] }],
    [
      'resolver 10.96.0.10:5353 ::1\nresolver [fd00::10]:54',
      { resolvers: ['10.96.0.10:5353', '[::1]:53', '[fd00::10]:54'] },
    ],
    ['doh_method GET', { httpsMethod: 'GET' }],
    ['doh_method POST', { httpsMethod: 'POST' }],
    ['tls_servername dns.test', { tls: { serverName: 'dns.test' } }],
    ['failfast_all_unhealthy_upstreams', { forwarder: { failFast: true } }],
    ['next NXDOMAIN servfail', { next: new Set([3, 2]) }],
    ['next_on_nodata', { nextOnNodata: true }],
    ['failover SERVFAIL REFUSED', { forwarder: { failover: new Set([2, 5]) } }],
    ['health_check 1s', { healthCheck: { intervalMs: 1000, recursionDesired: true } }],
    [
      'health_check 0.1s no_rec domain Example.org',
      { healthCheck: { intervalMs: 100, recursionDesired: false, domain: 'example.org.' } },
    ],
    [
      'health_check 1s domain a.test\nhealth_check 2s',
      { healthCheck: { intervalMs: 2000, domain: '.' } },
    ],
    ['tls FILE/pem', { tls: { authorities: Buffer.from('certificate'), key: null } }],
    ['tls FILE/pem FILE/pem', { tls: { key: Buffer.from('certificate'), authorities: null } }],
  ])('reads %s', (line, expected) => {
    expect(ruleOf(`forward . 127.0.0.1 {\n${line}\n}`)).toMatchObject(expected);
  });

  it('takes the first zone of a network and says so', () => {
    const rule = ruleOf('forward 10.9.3.0/18 127.0.0.1');
    expect(rule.from).toBe('0.9.10.in-addr.arpa.');
    expect(rule.warnings).toHaveLength(1);
  });

  it('keeps several uses in their order', () => {
    const text = 'forward b.test 127.0.0.1\nforward . 127.0.0.2';
    expect(parseWith(forward, text).rules.map(({ from }) => from)).toEqual(['b.test.', '.']);
  });

  it.each([
    ['forward', 'argument-count'],
    ['forward .', 'argument-count'],
    ['forward . a27.0.0.1', 'argument-value'],
    ['forward . 8.9.1043', 'argument-value'],
    ['forward . 8.9.1043:53', 'argument-value'],
    ['forward . localhost', 'argument-value'],
    ['forward . -dns.example', 'argument-value'],
    ['forward . dns..example', 'argument-value'],
    ['forward . dns.example:0', 'argument-value'],
    ['forward . dns.example:x', 'argument-value'],
    [`forward . ${'a.'.repeat(130)}example`, 'argument-value'],
    ['forward . grpc://dns.example', 'argument-value'],
    [`forward . ${'dns.example '.repeat(16)}`, 'argument-count'],
    ['forward . tls://a.example%b.example {\ntls_servername c.example\n}', 'argument-value'],
    ['forward . dns.example {\nresolver\n}', 'argument-count'],
    ['forward . dns.example {\nresolver dns.example.com\n}', 'argument-value'],
    ['forward . dns.example {\nresolver 10.0.0.1:0\n}', 'argument-value'],
    ['forward . dns.example {\nresolver 10.0.0.1:65536\n}', 'argument-value'],
    ['forward . dns.example {\nresolver [10.0.0.1]:53\n}', 'argument-value'],
    ['forward . dns.example {\nresolver /etc/resolv.conf\n}', 'argument-value'],
    ['forward . 127.0.0.1:0', 'argument-value'],
    ['forward . 127.0.0.1:65536', 'argument-value'],
    ['forward . https://FILE/resolv.conf', 'argument-value'],
    ['forward . http://127.0.0.1', 'argument-value'],
    ['forward . https://127.0.0.1:0', 'argument-value'],
    ['forward . 127.0.0.1 {\ndoh_method PUT\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\ndoh_method\n}', 'argument-count'],
    ['forward . unix:///run/dns', 'argument-value'],
    ['forward . /nonexistent/resolv.conf', 'argument-value'],
    ['forward . /etc/resolv.conf:53', 'argument-value'],
    ['forward . FILE/empty', 'file'],
    ['forward . FILE/many', 'argument-count'],
    [`forward . ${'127.0.0.1 '.repeat(16)}`, 'argument-count'],
    [`forward ${'a'.repeat(64)}.test 127.0.0.1`, 'server-key'],
    ['forward . tls://9.9.9.9%a.test {\ntls_servername b.test\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nblaatl\n}', 'unknown-option'],
    ['forward . 127.0.0.1 {\ntoString\n}', 'unknown-option'],
    ['forward . 127.0.0.1 {\nexcept\n}', 'argument-count'],
    ['forward . 127.0.0.1 {\nforce_tcp now\n}', 'argument-count'],
    ['forward . 127.0.0.1 {\nexpire -1s\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nmax_fails -1\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nmax_concurrent many\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nmax_concurrent -4\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nmax_connect_attempts x\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nmax_connect_attempts -1\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nread_timeout 0s\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\npolicy fastest\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nsource_address lo\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nnext\n}', 'argument-count'],
    ['forward . 127.0.0.1 {\nnext NOSUCH\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nfailover NOERROR\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nfailfast_all_unhealthy_upstreams 1\n}', 'argument-count'],
    ['forward . 127.0.0.1 {\nhealth_check\n}', 'argument-count'],
    ['forward . 127.0.0.1 {\nhealth_check no_rec\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nhealth_check -1s\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\nhealth_check 1s rec\n}', 'unknown-option'],
    ['forward . 127.0.0.1 {\nhealth_check 1s domain\n}', 'argument-count'],
    ['forward . 127.0.0.1 {\nhealth_check 1s domain a..b\n}', 'argument-value'],
    ['forward . 127.0.0.1 {\ntls FILE/nosuch\n}', 'file'],
    ['forward . 127.0.0.1 {\ntls a b c d\n}', 'argument-count'],
  ])('refuses %s', (text, code) => {
    expect(codeOf(forward, filled(text))).toBe(code);
  });
});
