import { expect, test } from 'vitest';
import { effectiveCorefile } from '../../../src/config/effective-corefile.ts';
import { EMPTY_KUBE_DNS_CONFIG, type KubeDnsConfig } from '../../../src/config/kube-dns-config.ts';

const TEMPLATE = `cluster.local:53 {
    errors
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    }
.:53 {
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__UPSTREAM__SERVERS__ {
            force_tcp
    }
    }
`;

function make(kubeDns: Partial<KubeDnsConfig>, localAddresses = ['169.254.20.10', '10.0.0.10']) {
  return effectiveCorefile({
    template: TEMPLATE,
    templatePath: 'Corefile.base',
    kubeDns: { ...EMPTY_KUBE_DNS_CONFIG, ...kubeDns },
    dnsPort: 53,
    env: {},
    values: {
      localAddresses,
      upstreamAddress: '9.10.11.12',
      upstreamVariable: 'TEST_SVC_SERVICE_HOST',
      prometheusAddress: ':9253',
    },
  }).text;
}

test('without a ConfigMap it is the template filled in', () => {
  expect(make({})).toBe(`cluster.local:53 {
    errors
    bind 169.254.20.10 10.0.0.10 
    forward . 9.10.11.12 {
            force_tcp
    }
    }
.:53 {
    bind 169.254.20.10 10.0.0.10 
    forward . /etc/resolv.conf {
            force_tcp
    }
    }
`);
});

test('stub domains follow as blocks of their own, upstream servers are asked over UDP', () => {
  const text = make({
    stubDomains: [
      { domain: 'acme.local', servers: ['1.1.1.1'] },
      { domain: 'widget.local', servers: ['2.2.2.2:10053', '3.3.3.3'] },
    ],
    upstreamServers: ['2.2.2.10', '2.2.2.20'],
  });
  expect(text).toContain('    forward . 2.2.2.10 2.2.2.20\n    }\n');
  expect(text.slice(text.indexOf('\nacme'))).toBe(`
acme.local:53 {
    errors
    cache 30
    bind 169.254.20.10 10.0.0.10
    forward . 1.1.1.1
}

widget.local:53 {
    errors
    cache 30
    bind 169.254.20.10 10.0.0.10
    forward . 2.2.2.2:10053 3.3.3.3
}
`);
});

test('IPv6 addresses stand bare in bind', () => {
  const stubDomains = [{ domain: 'acme.local', servers: ['[2001:db8::5]:53'] }];
  expect(make({ stubDomains }, ['fd00::10', 'fd00::11'])).toContain(
    '    bind fd00::10 fd00::11\n    forward . [2001:db8::5]:53\n}\n',
  );
});

test('a stub domain that the template serves is refused', () => {
  const stubDomains = [{ domain: 'cluster.local', servers: ['1.1.1.1'] }];
  expect(() => make({ stubDomains })).toThrow(
    expect.objectContaining({ name: 'KubeDnsConfigError', code: 'duplicate-zone' }),
  );
});
