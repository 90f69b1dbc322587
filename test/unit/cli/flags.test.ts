import { describe, expect, test } from 'vitest';
import { readFlags } from '../../../src/cli/flags.ts';

const PROGRAM = {
  name: '/node-cache',
  versionLines: ['nodelocaldns-1.2.3', 'linux/x64, v24'],
  directiveNames: ['whoami', 'bind'],
};

function read(line: string, env: Record<string, string> = {}) {
  const argv = line.split(' ').filter((word) => word !== '');
  return readFlags(argv, env, PROGRAM);
}

/** The flags of a line that can be run, `-localip` given. */
function run(line: string, env: Record<string, string> = {}) {
  const outcome = read(`-localip 169.254.20.10 ${line}`, env);
  if (outcome.kind === 'exit') throw new Error(outcome.stderr);
  return outcome;
}

/** Code and first line of a line that cannot. */
function exit(line: string): [number, string] {
  const outcome = read(line);
  if (outcome.kind === 'run') throw new Error('it can be run');
  return [outcome.code, (outcome.stdout + outcome.stderr).split('\n')[0]];
}

describe('a run', () => {
  test('the stock manifest', () => {
    const line =
      '-localip 169.254.20.10,10.0.0.10 -conf /etc/Corefile -upstreamsvc kube-dns-upstream -pidfile /tmp/node-cache.pid';
    expect(read(line, { KUBE_DNS_UPSTREAM_SERVICE_HOST: '10.0.0.99' })).toEqual({
      kind: 'run',
      warnings: [],
      flags: {
        localAddresses: ['169.254.20.10', '10.0.0.10'],
        dnsPort: 53,
        healthPort: 8080,
        setupInterface: true,
        interfaceName: 'nodelocaldns',
        interfaceType: 'dummy',
        setupRules: true,
        rulesBackend: 'auto',
        syncIntervalMs: 60_000,
        leaseMs: 2000,
        skipTeardown: false,
        shutdownDelayMs: 0,
        udpSegments: true,
        templatePath: '/etc/coredns/Corefile.base',
        corefilePath: '/etc/Corefile',
        kubeDnsFolder: '/etc/kube-dns',
        kubeDnsFolderGiven: false,
        reloadWithSignal: false,
        upstreamAddress: '10.0.0.99',
        upstreamVariable: 'KUBE_DNS_UPSTREAM_SERVICE_HOST',
        metricsAddress: { host: '0.0.0.0', port: 9353, text: '0.0.0.0:9353' },
        prometheusAddress: ':9253',
        pidfilePath: '/tmp/node-cache.pid',
        quiet: false,
        logFormat: 'text',
      },
    });
  });

  test.each([
    ['', { syncIntervalMs: 60_000 }],
    ['-syncinterval 60', { syncIntervalMs: 60_000 }],
    ['-syncinterval=60s', { syncIntervalMs: 60_000 }],
    ['--syncinterval 60ns', { syncIntervalMs: 60_000 }],
    ['--syncinterval=2m', { syncIntervalMs: 120_000 }],
    ['-corefile /a', { corefilePath: '/a' }],
    ['-corefile /a -conf /b', { corefilePath: '/b' }],
    ['-conf /b -corefile /a', { corefilePath: '/b' }],
    ['-dns.port 1053', { dnsPort: 1053 }],
    ['-dns.port 1053 -p 1054', { dnsPort: 1054 }],
    ['-p 1054 -dns.port 1053', { dnsPort: 1053 }],
    ['-setupinterface=false', { setupInterface: false }],
    ['-setupinterface=F -setupiptables=0', { setupInterface: false, setupRules: false }],
    ['-quiet -skipteardown=T', { quiet: true, skipTeardown: true }],
    ['-setupinterface=false -interfacename a_very_long_interface_name', {}],
    ['-kubednscm /k', { kubeDnsFolder: '/k', kubeDnsFolderGiven: true }],
    ['-metrics-listen-address 127.0.0.1:1', { metricsAddress: { host: '127.0.0.1', port: 1 } }],
    ['-metrics-listen-address=', { metricsAddress: null }],
    ['-prometheus-listen-address 1.2.3.4:9253', { prometheusAddress: '1.2.3.4:9253' }],
    ['-lease 0', { leaseMs: 0 }],
    ['-lease 0s', { leaseMs: 0 }],
    ['-lease 10s', { leaseMs: 10_000 }],
    ['-interfacetype tun', { interfaceType: 'tun' }],
    ['-rules=nftables', { rulesBackend: 'nftables' }],
    ['-shutdown-delay 1m', { shutdownDelayMs: 60_000 }],
    ['-udpsegments=false', { udpSegments: false }],
    ['-log-format json', { logFormat: 'json' }],
    ['-pidfile=', { pidfilePath: '' }],
    ['-pidfile a=b', { pidfilePath: 'a=b' }],
    ['-pidfile -x', { pidfilePath: '-x' }],
    ['-reloadwithsignal --', { reloadWithSignal: true }],
  ])('%s', (line, flags) => {
    expect(run(line).flags).toMatchObject(flags);
  });

  test.each([
    ['169.254.20.10,', ['169.254.20.10']],
    [',169.254.20.10,,10.0.0.10', ['169.254.20.10', '10.0.0.10']],
    ['169.254.20.10,fd00::10', ['169.254.20.10', 'fd00::10']],
    ['FD00:0::10', ['FD00:0::10']],
    ['10.0.0.10,10.0.0.10', ['10.0.0.10']],
  ])('-localip %s', (text, addresses) => {
    expect(run(`-localip ${text}`).flags.localAddresses).toEqual(addresses);
  });

  test('spaces around addresses are tolerated', () => {
    const outcome = readFlags(['-localip', '10.0.0.1, 10.0.0.2'], {}, PROGRAM);
    expect(outcome).toMatchObject({ flags: { localAddresses: ['10.0.0.1', '10.0.0.2'] } });
  });

  test('flags of old releases are accepted with a warning', () => {
    expect(run('-setupebtables -i eth0').warnings).toEqual([
      '-setupebtables has no effect any more',
      '-i has no effect any more',
    ]);
  });

  test('a metrics address that is none is a warning: DNS does not depend on it', () => {
    const { flags, warnings } = run('-metrics-listen-address 9353');
    expect(flags.metricsAddress).toBeNull();
    expect(warnings).toEqual(['invalid metrics-listen-address - "9353": no metrics there']);
  });

  test('the upstream is the flag, else the environment, else unknown', () => {
    const env = { KUBE_DNS_SERVICE_HOST: '10.0.0.1' };
    expect(run('-upstreamip fd00::1', env).flags.upstreamAddress).toBe('fd00::1');
    expect(run('', env).flags.upstreamAddress).toBe('10.0.0.1');
    expect(run('-upstreamsvc x', env).flags.upstreamAddress).toBeNull();
    const invalid = run('', { KUBE_DNS_SERVICE_HOST: 'None' });
    expect(invalid.flags.upstreamAddress).toBeNull();
    expect(invalid.warnings).toEqual(['KUBE_DNS_SERVICE_HOST is no IP address - "None"']);
  });

  test('the flags are frozen', () => {
    const { flags } = run('');
    expect(Object.isFrozen(flags)).toBe(true);
    expect(Object.isFrozen(flags.localAddresses)).toBe(true);
  });
});

describe('an exit', () => {
  test.each([
    ['-foo', 2, 'flag provided but not defined: -foo'],
    ['--foo=1', 2, 'flag provided but not defined: -foo'],
    ['---quiet', 2, 'bad flag syntax: ---quiet'],
    ['-=x', 2, 'bad flag syntax: -=x'],
    ['-conf', 2, 'flag needs an argument: -conf'],
    ['-quiet=maybe', 2, 'invalid boolean value "maybe" for -quiet: parse error'],
    ['-syncinterval 60x', 2, 'invalid value "60x" for flag -syncinterval: parse error'],
    ['-lease 2', 2, 'invalid value "2" for flag -lease: parse error'],
    [
      '-rules ipfw',
      2,
      'invalid value "ipfw" for flag -rules: must be one of auto, iptables, nftables',
    ],
    ['-h', 0, 'Usage of /node-cache:'],
    ['-foo -h', 2, 'flag provided but not defined: -foo'],
    ['-quiet --help', 0, 'Usage of /node-cache:'],
    ['-version', 0, 'nodelocaldns-1.2.3'],
    ['-localip x -version', 0, 'nodelocaldns-1.2.3'],
    ['-plugins', 0, 'Server types:'],
    ['', 1, 'Error parsing flags - invalid localip specified - ""'],
    ['-localip ,', 1, 'Error parsing flags - invalid localip specified - ","'],
    ['-localip 10.0.0.1,x', 1, 'Error parsing flags - invalid localip specified - "x"'],
    [
      '-localip fe80::1%eth0',
      1,
      'Error parsing flags - invalid localip specified - "fe80::1%eth0"',
    ],
    [
      '-localip 10.0.0.1 -setupiptables false -setupinterface=false',
      1,
      'Error parsing flags - extra command line arguments: "false"; write booleans as -name=value',
    ],
    [
      '-localip 10.0.0.1 -- -quiet',
      1,
      'Error parsing flags - extra command line arguments: "-quiet"',
    ],
    ['-localip 10.0.0.1 -', 1, 'Error parsing flags - extra command line arguments: "-"'],
    ['-localip 10.0.0.1 -p dns', 1, 'Error parsing flags - invalid port specified - "dns"'],
    ['-localip 10.0.0.1 -p 65536', 1, 'Error parsing flags - invalid port specified - "65536"'],
    [
      '-localip 10.0.0.1 -health-port x',
      1,
      'Error parsing flags - invalid healthcheck port specified - "x"',
    ],
    [
      '-localip 10.0.0.1 -upstreamip kube-dns',
      1,
      'Error parsing flags - invalid upstreamip specified - "kube-dns"',
    ],
    [
      '-localip 10.0.0.1 -interfacename a_very_long_name',
      1,
      'Error parsing flags - invalid interfacename specified - "a_very_long_name": 1 to 15 characters, no space, slash or colon',
    ],
    [
      '-localip 10.0.0.1 -syncinterval 0',
      2,
      'Error parsing flags - invalid value "0" for flag -syncinterval: not 1s to 596h',
    ],
    [
      '-localip 10.0.0.1 -syncinterval=-5s',
      2,
      'Error parsing flags - invalid value "-5s" for flag -syncinterval: not 1s to 596h',
    ],
    [
      '-localip 10.0.0.1 -lease 1s',
      2,
      'Error parsing flags - invalid value "1s" for flag -lease: neither 0 nor 2s to 24h',
    ],
    [
      '-localip 10.0.0.1 -shutdown-delay -1s',
      2,
      'Error parsing flags - invalid value "-1s" for flag -shutdown-delay: not 0 to 1h',
    ],
  ])('%s', (line, code, message) => {
    expect(exit(line)).toEqual([code, message]);
  });

  test('usage goes to standard error and lists every flag', () => {
    const outcome = read('-h');
    expect(outcome).toMatchObject({ code: 0, stdout: '' });
    const text = outcome.kind === 'exit' ? outcome.stderr : '';
    for (const name of ['localip', 'dns.port', 'lease', 'prometheus-listen-address', 'version']) {
      expect(text).toContain(`\n  -${name}`);
    }
    expect(text).toContain('  -health-port string\n    \tport of the health directive');
    expect(text).toContain('(default "8080")');
  });

  test('version and directives go to standard output', () => {
    expect(read('-version')).toMatchObject({
      stdout: 'nodelocaldns-1.2.3\nlinux/x64, v24\n',
      stderr: '',
    });
    expect(read('-plugins')).toMatchObject({
      stdout:
        'Server types:\n  dns\n\nCaddyfile loaders:\n  flag\n  default\n\nOther plugins:\n  dns.bind\n  dns.whoami\n',
      stderr: '',
    });
  });
});
