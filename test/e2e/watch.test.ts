import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RESOLVED_LIST } from '../../src/forward/resolv-conf.ts';
import { DaemonProcess } from '../helpers/daemon-process.ts';
import { freePort } from '../helpers/free-port.ts';
import { PlainUpstream } from '../helpers/plain-upstream.ts';
import {
  COREFILE,
  prepareDaemon,
  RULES,
  type RunningDaemon,
  startDaemon,
} from '../helpers/running-daemon.ts';

/**
 * What the file system's events are to bring about, on a busy machine too; the poll comes after 10 s
 * and is not to be mistaken for them.
 */
const SOON = { timeout: 9000, interval: 50 };

const TEMPLATE = `.:{PORT} {
    errors
    bind __PILLAR__LOCAL__DNS__
    prometheus 127.0.0.1:{METRICS}
    forward . __PILLAR__UPSTREAM__SERVERS__
}
`;

/** How often something was refused: the reload, and the making of the Corefile. */
async function refusals(daemon: RunningDaemon): Promise<[number, number]> {
  const text = await daemon.scrape();
  const value = (sample: string) => Number(text.split(`\n${sample} `)[1]?.split('\n')[0]);
  return [
    value('coredns_reload_failed_total'),
    value('coredns_nodecache_setup_errors_total{errortype="configmap"}'),
  ];
}

describe('a template', () => {
  const start = (more: { flags?: string[] } = {}) =>
    startDaemon({
      template: TEMPLATE.replace('__PILLAR__UPSTREAM__SERVERS__', '127.0.0.1:{UP}'),
      ...more,
    });
  const write = (daemon: RunningDaemon, text: string) => daemon.writeFile('Corefile.base', text);

  test('that changes is in force soon, without reload in it', async () => {
    const daemon = await start();
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
    await write(daemon, TEMPLATE.replace(/forward.*/, 'whoami'));
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).toMatchObject({ answer: [] });
  });

  test('with a fault changes nothing, is said once, and is tried again when it changes', async () => {
    const daemon = await start();
    await write(daemon, TEMPLATE.replace(/forward.*/, 'nonsense'));
    await daemon.process.untilOutput("Unknown directive 'nonsense'", SOON.timeout);
    expect(daemon.process.output).toMatch(/Corefile\.base leads to .*Corefile:5:5: Unknown/);
    expect(await refusals(daemon)).toEqual([1, 1]);
    expect(await daemon.readFile('Corefile')).toContain('forward');
    await write(daemon, TEMPLATE.replace(/forward.*/, '__PILLAR__NEW__ONE__'));
    await daemon.process.untilOutput(
      'Corefile.base:5:5: "__PILLAR__NEW__ONE__" has no value',
      2000,
    );
    expect(await refusals(daemon)).toEqual([2, 2]);
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
    await write(daemon, TEMPLATE.replace(/forward.*/, 'whoami'));
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).toMatchObject({ answer: [] });
    expect(daemon.process.output.split("'nonsense'")).toHaveLength(2);
  });

  test('that comes later takes the place of the Corefile', async () => {
    const daemon = await startDaemon();
    await write(daemon, TEMPLATE.replace(/forward.*/, 'whoami'));
    await expect.poll(() => daemon.ask('b.example', 'A'), SOON).toMatchObject({ rcode: 'NOERROR' });
  });
});

test('a placeholder without a value ends the start with its name and the way out', async () => {
  const template = TEMPLATE.replace('__PILLAR__UPSTREAM__SERVERS__', '__PILLAR__CLUSTER__DNS__');
  const daemon = await prepareDaemon({ template, flags: ['-upstreamsvc', 'no-such-service'] });
  expect(await daemon.process.untilExit()).toMatchObject({ status: 1 });
  expect(daemon.process.output).toContain(
    'Corefile.base:5:15: "__PILLAR__CLUSTER__DNS__" has no value: set -upstreamip, or let the environment have NO_SUCH_SERVICE_SERVICE_HOST',
  );
  expect(daemon.process.output).not.toContain('nil');
});

test('the address of a flag comes before that of the environment', async () => {
  const template = TEMPLATE.replace(
    '__PILLAR__UPSTREAM__SERVERS__',
    '__PILLAR__CLUSTER__DNS__:{UP}',
  );
  const env = { SOME_SERVICE_HOST: '127.0.0.99' };
  const flags = ['-upstreamsvc', 'some', '-upstreamip', '127.0.0.1'];
  const daemon = await startDaemon({ template, env, flags });
  expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
});

describe('the kube-dns ConfigMap', () => {
  /** Swaps in `files` as kubelet does; the folder is made when it is not there. */
  async function project(daemon: RunningDaemon, version: string, files: Record<string, string>) {
    const folder = join(daemon.folder, 'kube-dns');
    await mkdir(join(folder, `..${version}`), { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, `..${version}`, name), text);
    }
    await symlink(`..${version}`, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    for (const name of ['stubDomains', 'upstreamNameservers']) {
      await rm(join(folder, name), { force: true });
      if (name in files) await symlink(`..data/${name}`, join(folder, name));
    }
  }
  const start = () =>
    startDaemon({
      template: TEMPLATE.replace(/forward.*/, 'whoami'),
      flags: ['-kubednscm', 'kube-dns'],
      rules: RULES,
    });
  const stubs = (daemon: RunningDaemon, ...domains: string[]) =>
    JSON.stringify(
      Object.fromEntries(domains.map((d) => [d, [`127.0.0.1:${daemon.ports.upstream}`]])),
    );
  const isForwarded = { answer: ['a.example 60 IN A 10.0.0.1'] };

  test('is followed from the moment it appears until it goes', async () => {
    const daemon = await start();
    expect(daemon.process.output).toContain('making the Corefile: ENOENT');
    await project(daemon, 'v1', { stubDomains: stubs(daemon, 'example') });
    await expect
      .poll(() => daemon.ask('a.example', 'A'), SOON)
      .toMatchObject({ answer: [expect.stringMatching(/^a\.example \d+ IN A 10\.0\.0\.1$/)] });
    await project(daemon, 'v2', { stubDomains: stubs(daemon, 'other.example') });
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).toMatchObject({ answer: [] });
    await project(daemon, 'v3', {});
    await expect
      .poll(async () => (await daemon.readFile('Corefile')).includes('other.example'), SOON)
      .toBe(false);
  });

  test('with a fault changes nothing, and is looked at again when it changes', async () => {
    const daemon = await start();
    const before = await refusals(daemon);
    const attempts = [
      ['{"example": []}', 'example: no server is given'],
      ['{"example": ["ns.example.org"]}', '"ns.example.org" is not an IP address'],
      ['{', 'kube-dns ConfigMap: stubDomains: SyntaxError'],
      ['{"example": ["1.1.1.1"], "example": ["1.1.1.2"]}', '"example" is there twice'],
      ['{"example": ["1.1.1.1", "1.1.1.1:53"]}', 'example: 1.1.1.1:53 is there twice'],
    ];
    for (const [at, [text, reason]] of attempts.entries()) {
      await project(daemon, `v${at}`, { stubDomains: text });
      await daemon.process.untilOutput(reason, SOON.timeout);
    }
    expect(await refusals(daemon)).toEqual(before.map((count) => count + attempts.length));
    await project(daemon, 'v9', { stubDomains: stubs(daemon, 'example') });
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).not.toMatchObject({ answer: [] });
  });

  test('sends all other names to its name servers', async () => {
    const daemon = await startDaemon({ template: TEMPLATE, flags: ['-kubednscm', 'kube-dns'] });
    await project(daemon, 'v1', { upstreamNameservers: `["127.0.0.1:${daemon.ports.upstream}"]` });
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).toMatchObject(isForwarded);
  });

  test('that serves a zone of the template is refused, at the start too', async () => {
    const daemon = await startDaemon({
      template: TEMPLATE.replace('.:', 'example:').replace(/forward.*/, 'whoami'),
      flags: ['-kubednscm', 'kube-dns'],
    });
    await project(daemon, 'v1', { stubDomains: stubs(daemon, 'example') });
    await daemon.process.untilOutput('the Corefile serves "example" itself', SOON.timeout);
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR', answer: [] });
  });
});

describe('a Corefile with reload', () => {
  const corefile = (last: string) =>
    COREFILE.replace('errors', 'errors\n    reload 30s').replace(/forward.*/, last);

  test('is followed by events, whether written in place or swapped as a ConfigMap', async () => {
    const daemon = await startDaemon({ corefile: corefile('forward . 127.0.0.1:1') });
    await daemon.writeCorefile(corefile('forward . 127.0.0.1:{UP}'));
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).toMatchObject({ rcode: 'NOERROR' });
    await mkdir(join(daemon.folder, '..v1'));
    await daemon.writeFile('..v1/Corefile', corefile('whoami').replace(/cache.*/, ''));
    await symlink('..v1/Corefile', join(daemon.folder, 'link'));
    await rename(join(daemon.folder, 'link'), daemon.corefilePath);
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).toMatchObject({ answer: [] });
  });

  test('is followed into what it imports, also when that was missing', async () => {
    const daemon = await startDaemon({ corefile: corefile('whoami') });
    await daemon.writeCorefile(corefile('import zone/*.conf').replace(/cache.*/, 'import more'));
    await daemon.process.untilOutput('File to import not found: "more"', SOON.timeout);
    await daemon.writeFile('more', 'loadbalance\n');
    await daemon.process.untilOutput('Reloading complete', SOON.timeout);
    await mkdir(join(daemon.folder, 'zone'));
    await daemon.writeFile('zone/one.conf', 'forward . 127.0.0.1:{UP}\n');
    await expect
      .poll(() => daemon.ask('a.example', 'A'), SOON)
      .toMatchObject({ rcode: 'NOERROR', answer: [expect.anything()] });
  });
});

test('a Corefile without reload is only read at SIGUSR1', async () => {
  const daemon = await startDaemon();
  await daemon.writeCorefile(COREFILE.replace(/forward.*/, 'whoami'));
  await sleep(1000);
  expect(await daemon.ask('b.example', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
  daemon.process.child.kill('SIGUSR1');
  await daemon.process.untilOutput('Reloading complete');
  expect(await daemon.ask('c.example', 'A')).toMatchObject({ rcode: 'NOERROR', answer: [] });
});

test('standard input is a Corefile that nobody writes or watches', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nodelocaldns-e2e-'));
  const port = await freePort();
  const flags = ['-conf', 'stdin', '-localip', '127.0.0.1', '-dns.port', `${port}`];
  const daemon = new DaemonProcess(
    [...flags, '-setupinterface=false', '-setupiptables=false', '-metrics-listen-address='],
    { cwd: folder, input: `.:${port} {\n bind 127.0.0.1\n reload 2s\n whoami\n}\n` },
  );
  onTestFinished(async () => {
    await daemon.stop();
    await rm(folder, { recursive: true });
  });
  await daemon.untilListening(port);
  daemon.child.kill('SIGUSR1');
  await daemon.untilOutput('Reloading complete');
  await daemon.untilListening(port);
  expect(existsSync(join(folder, 'stdin'))).toBe(false);
  expect(daemon.output).not.toContain('ERROR');
});

describe.skipIf(process.getuid?.() !== 0 || existsSync(RESOLVED_LIST))('resolv.conf', () => {
  const corefile = `${COREFILE.replace(/forward.*/, 'forward . RESOLV').replace(/cache.*/, '')}
cluster.local:{PORT} {
    bind 127.0.0.1
    whoami
}
`;
  async function start(text: string) {
    const folder = await mkdtemp(join(tmpdir(), 'resolv-'));
    const path = join(folder, 'resolv.conf');
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(path, text);
    const daemon = await startDaemon({ corefile: corefile.replace('RESOLV', path) });
    return { daemon, write: (changed: string) => writeFile(path, changed) };
  }

  test('that changes sends queries to its new servers, and those under way are answered', async () => {
    const one = await PlainUpstream.start({ delayMs: 500 });
    const two = await PlainUpstream.start();
    const { daemon, write } = await start(`nameserver ${one.address}\n`);
    const underWay = daemon.ask('slow.example', 'A');
    await expect.poll(() => one.seen, SOON).toContain('slow.example');
    await write(`nameserver ${two.address}\noptions rotate timeout:1 attempts:2\n`);
    await daemon.process.untilOutput('Reloading complete', SOON.timeout);
    expect(await underWay).toMatchObject({ rcode: 'NOERROR' });
    expect(await daemon.ask('b.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
    expect(two.seen).toEqual(['b.example']);
  });

  test('that leads back here fails its queries with the reason, and nothing else, until it is better', async () => {
    const one = await PlainUpstream.start();
    const { daemon, write } = await start('nameserver 127.0.0.53\n');
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'SERVFAIL' });
    expect(daemon.process.output).toMatch(
      /\[ERROR\] plugin\/errors: 2 a\.example\. A: no upstream to forward to: all servers of \S+resolv\.conf lead back/,
    );
    expect(await daemon.ask('a.cluster.local', 'A')).toMatchObject({ rcode: 'NOERROR' });
    await write(`nameserver 127.0.0.53\nnameserver ${one.address}\n`);
    await expect.poll(() => daemon.ask('a.example', 'A'), SOON).toMatchObject({ rcode: 'NOERROR' });
  });

  test('that becomes empty or goes leaves its last servers in use', async () => {
    const one = await PlainUpstream.start();
    const { daemon, write } = await start(`nameserver ${one.address}\n`);
    await write('# nothing yet\n');
    await daemon.process.untilOutput('no nameservers found', SOON.timeout);
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
    expect((await refusals(daemon))[0]).toBe(1);
  });
});
