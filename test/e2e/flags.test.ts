import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DaemonProcess } from '../helpers/daemon-process.ts';
import { COREFILE, prepareDaemon, startDaemon } from '../helpers/running-daemon.ts';

/** Runs to the end in a folder of its own. */
async function run(...flags: string[]) {
  const cwd = await mkdtemp(join(tmpdir(), 'nodelocaldns-flags-'));
  const process = new DaemonProcess(flags, { cwd });
  onTestFinished(async () => {
    await process.stop();
    await rm(cwd, { recursive: true });
  });
  const { status } = await process.untilExit();
  return { status, stdout: process.stdout, stderr: process.stderr, output: process.output };
}

describe('what only prints', () => {
  test.each(['-version', '--version', '-version=true'])('%s', async (flag) => {
    const { status, stdout } = await run(flag);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^nodelocaldns-\d+\.\d+\.\d+$/m);
  });

  test('-plugins lists the directives', async () => {
    const { status, stdout } = await run('-plugins');
    expect(status).toBe(0);
    for (const name of ['cache', 'errors', 'forward', 'loop', 'reload']) {
      expect(stdout).toMatch(new RegExp(`\\b${name}$`, 'm'));
    }
  });

  test.each(['-h', '-help', '--help'])('%s shows the usage on standard error', async (flag) => {
    const { status, stdout, stderr } = await run(flag);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Usage of /m);
    expect(stderr).toMatch(/^ +-localip/m);
    expect(stdout).toBe('');
  });
});

describe('bad flags', () => {
  test.each([
    ['an unknown flag', ['-nonsense'], 2, 'nonsense'],
    ['a value that is no boolean', ['-setupinterface=perhaps'], 2, 'perhaps'],
    ['a value that is no duration', ['-syncinterval', 'soon'], 2, 'soon'],
    ['a flag without its value', ['-localip'], 2, 'localip'],
    ['no -localip', [], 1, 'localip'],
    ['a -localip that is no address', ['-localip', '127.0.0.1,nowhere'], 1, '"nowhere"'],
    ['a -dns.port that is no number', ['-localip', '127.0.0.1', '-dns.port', 'x'], 1, 'x'],
    ['a -conf that is not there', ['-localip', '127.0.0.1', '-conf', 'absent'], 1, 'absent'],
  ])('%s', async (_, flags, status, word) => {
    const safe = [
      '-setupinterface=false',
      '-setupiptables=false',
      '-metrics-listen-address=127.0.0.1:0',
    ];
    const result = await run(...safe, ...flags);
    expect(result.output).toContain(word);
    expect(result.status).toBe(status);
  });

  test('words that are no flags are refused before anything is done', async () => {
    const { status, output } = await run('-localip', '127.0.0.1', '-setupiptables', 'false');
    expect(status).not.toBe(0);
    expect(output).toContain('false');
    expect(output).not.toMatch(/listen|interface|iptables rule/i);
  });
});

describe('flags that are taken as they come', () => {
  test.each([
    ['-syncinterval', '60'],
    ['-syncinterval', '60s'],
    ['-syncinterval', '60ns'],
    ['-localip', '127.0.0.1,'],
    ['-localip', '127.0.0.1, ::1'],
    ['-setupebtables=false'],
    ['--quiet'],
    ['-upstreamsvc', 'nobody-knows'],
    ['-health-port', '8081'],
  ])('%j', async (...flags) => {
    const daemon = await startDaemon({ flags });
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
  });

  test('-corefile is used when there is no -conf', async () => {
    const daemon = await startDaemon();
    await daemon.process.stop();
    const second = new DaemonProcess(
      ['-corefile', daemon.corefilePath, '-localip', '127.0.0.1', '-setupinterface=false'].concat(
        '-setupiptables=false',
        '-metrics-listen-address',
        '127.0.0.1:0',
      ),
    );
    onTestFinished(async () => void (await second.stop()));
    await second.untilListening(daemon.ports.dns);
  });

  test('-p is another name for -dns.port, and the later one wins', async () => {
    const corefile = COREFILE.replace('.:{PORT}', '.');
    const daemon = await prepareDaemon({ corefile, flags: ['-dns.port', '1', '-p', '{PORT}'] });
    await daemon.process.untilListening(daemon.ports.dns);
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
  });
});
