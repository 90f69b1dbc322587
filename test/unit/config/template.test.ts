import { expect, test } from 'vitest';
import { CorefileError } from '../../../src/config/corefile-error.ts';
import { fillTemplate, refuseTemplate, serviceHostVariable } from '../../../src/config/template.ts';

const VALUES = {
  localAddresses: ['169.254.20.10', '10.0.0.10'],
  upstreamAddress: '9.10.11.12',
  upstreamVariable: 'TEST_SVC_SERVICE_HOST',
  upstreamServers: [],
  prometheusAddress: ':9253',
};

function fill(template: string, values: Partial<Parameters<typeof fillTemplate>[2]> = {}) {
  return fillTemplate(template, 'Corefile.base', { ...VALUES, ...values });
}

test.each([
  ['bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__', 'bind 169.254.20.10 10.0.0.10 '],
  ['bind __LOCAL__DNS__', 'bind 169.254.20.10 10.0.0.10'],
  ['forward . __PILLAR__CLUSTER__DNS__', 'forward . 9.10.11.12'],
  ['forward . __PILLAR__UPSTREAM__SERVERS__', 'forward . /etc/resolv.conf'],
  ['prometheus __PROMETHEUS__ENDPOINT__', 'prometheus :9253'],
  ['prometheus __PILLAR__PROMETHEUS__ENDPOINT__', 'prometheus :9253'],
  ['health __PILLAR__LOCAL__DNS__:8080', 'health 169.254.20.10:8080'],
  ['a.__FOO__.example', 'a.__FOO__.example'],
  ['log # __PILLAR__DNS__DOMAIN__', 'log # __PILLAR__DNS__DOMAIN__'],
])('%s', (template, text) => {
  expect(fill(template)).toEqual({ text, warnings: [] });
});

test('an IPv6 address in front of a port gets its brackets', () => {
  const localAddresses = ['fd00::10', 'fd00::11'];
  expect(fill('health __PILLAR__LOCAL__DNS__:8080', { localAddresses }).text).toBe(
    'health [fd00::10]:8080',
  );
});

test('a Corefile that is a template is refused, with the way out', () => {
  const text = '# __PILLAR__DNS__DOMAIN__\n. {\n forward . __PILLAR__CLUSTER__DNS__\n}\n';
  expect(() => refuseTemplate(text, 'Corefile')).toThrow(
    'Corefile:3:12: "__PILLAR__CLUSTER__DNS__" has no value: only a template is filled in',
  );
  expect(() => refuseTemplate('. {\n log __x__\n}\n', 'Corefile')).not.toThrow();
});

test('so does that of the upstream', () => {
  const template = 'forward . __PILLAR__CLUSTER__DNS__:53 __PILLAR__CLUSTER__DNS__';
  expect(fill(template, { upstreamAddress: 'fd00::b' }).text).toBe(
    'forward . [fd00::b]:53 fd00::b',
  );
  expect(() => fill(template, { upstreamAddress: null })).toThrow('"__PILLAR__CLUSTER__DNS__"');
});

test('what the sed lines of manuals leave is filled in, whatever they have replaced', () => {
  const manifest =
    'bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\nforward . __PILLAR__CLUSTER__DNS__';
  const both = manifest
    .replace('__PILLAR__LOCAL__DNS__', '169.254.20.10')
    .replace('__PILLAR__DNS__SERVER__', '10.40.0.10');
  expect(fill(both).text).toBe('bind 169.254.20.10 10.40.0.10\nforward . 9.10.11.12');
  // For IPVS kube-dns' own address is not listened on, and the upstream is known.
  const ipvs = manifest
    .replace('__PILLAR__LOCAL__DNS__', '169.254.20.10')
    .replace('__PILLAR__CLUSTER__DNS__', '10.40.0.10');
  expect(fill(ipvs).text).toBe('bind 169.254.20.10 \nforward . 10.40.0.10');
});

test('every occurrence is replaced, by the value as it is', () => {
  const values = { upstreamAddress: '10.0.0.1', prometheusAddress: '$&' };
  expect(fill('__CLUSTER__DNS__ __CLUSTER__DNS__ __PROMETHEUS__ENDPOINT__', values).text).toBe(
    '10.0.0.1 10.0.0.1 $&',
  );
});

test.each([
  [
    'forward . __PILLAR__CLUSTER__DNS__',
    'Corefile.base:2:11: "__PILLAR__CLUSTER__DNS__" has no value: set -upstreamip, or let the environment have TEST_SVC_SERVICE_HOST',
  ],
  [
    '__PILLAR__DNS__DOMAIN__:53',
    'Corefile.base:2:1: "__PILLAR__DNS__DOMAIN__" has no value: replace it in the manifest: sed ',
  ],
  ['x __PILLAR__NEW__ONE__', 'Corefile.base:2:3: "__PILLAR__NEW__ONE__" has no value: '],
])('%s without a value is refused with the way out', (template, message) => {
  const run = () => fill(`\n${template}`, { upstreamAddress: null });
  expect(run).toThrow(CorefileError);
  expect(run).toThrow(expect.objectContaining({ code: 'placeholder' }));
  expect(run).toThrow(message);
});

const FORCE_TCP =
  '.:53 {\n    forward . __PILLAR__UPSTREAM__SERVERS__ {\n            force_tcp\n    }\n    log\n}\n';

test('servers of the user are asked over UDP where the manifest asks for TCP', () => {
  expect(fill(FORCE_TCP, { upstreamServers: ['8.8.8.8', '1.1.1.1:5353'] })).toEqual({
    text: '.:53 {\n    forward . 8.8.8.8 1.1.1.1:5353\n    log\n}\n',
    warnings: [],
  });
});

test('the node keeps the transport that the manifest asks for', () => {
  expect(fill(FORCE_TCP).text).toContain('forward . /etc/resolv.conf {\n            force_tcp');
});

test('a block of another form keeps its transport, with a warning', () => {
  const { text, warnings } = fill(FORCE_TCP.replace('            force', '\tforce'), {
    upstreamServers: ['8.8.8.8'],
  });
  expect(text).toContain('forward . 8.8.8.8 {\n\tforce_tcp');
  expect(warnings).toHaveLength(1);
});

test('a service has its cluster IP in a variable of the environment', () => {
  expect(serviceHostVariable('kube-dns-upstream')).toBe('KUBE_DNS_UPSTREAM_SERVICE_HOST');
});
