import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { prepareDaemon, startDaemon } from '../helpers/running-daemon.ts';

describe('start', () => {
  test('answers over UDP and TCP, from upstream and then from the cache', async () => {
    const daemon = await startDaemon();
    const first = await daemon.ask('a.example', 'A');
    const second = await daemon.ask('a.example', 'A', { transport: 'tcp' });
    for (const reply of [first, second]) {
      expect(reply).toMatchObject({ rcode: 'NOERROR' });
      expect(reply?.answer[0]).toMatch(/^a\.example (30|29) IN A 10\.0\.0\.1$/);
    }
    expect(daemon.upstream.seen).toEqual(['udp a.example A']);
  });

  test('logs the Corefile in force, and its lines carry no time', async () => {
    const daemon = await startDaemon();
    await daemon.ask('a.example', 'A');
    expect(daemon.process.output).toContain(`forward . 127.0.0.1:${daemon.ports.upstream}`);
    expect(daemon.process.stdout).not.toMatch(/^\d{4}[/-]\d\d[/-]\d\d/m);
  });

  test('names what it listens on, unless told to be quiet', async () => {
    const daemon = await startDaemon();
    await daemon.process.untilOutput(`.:${daemon.ports.dns} on 127.0.0.1`);
    const quiet = await startDaemon({ flags: ['-quiet'] });
    await quiet.ask('a.example', 'A');
    expect(quiet.process.output).not.toContain(`.:${quiet.ports.dns} on 127.0.0.1`);
  });
});

describe('the pidfile', () => {
  test('is written once all servers listen, and goes at the end', async () => {
    const daemon = await startDaemon({ flags: ['-pidfile', 'daemon.pid'] });
    const path = join(daemon.folder, 'daemon.pid');
    await expect.poll(() => existsSync(path)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe(`${daemon.process.child.pid}\n`);
    await daemon.process.stop();
    expect(existsSync(path)).toBe(false);
  });

  test('that cannot be written is logged, and the daemon serves', async () => {
    const daemon = await startDaemon({ flags: ['-pidfile', 'no/such/folder/daemon.pid'] });
    await daemon.process.untilOutput('no/such/folder/daemon.pid');
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
  });
});

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)(
    '%s ends it with status 0',
    async (signal) => {
      const daemon = await startDaemon();
      expect(await daemon.process.stop(signal)).toEqual({ status: 0, signal: null });
    },
  );

  test('SIGTERM while it starts ends it in order too', async () => {
    const daemon = await prepareDaemon();
    // It says so before it listens: there is no template.
    await daemon.process.untilOutput('Corefile.base');
    expect(await daemon.process.stop('SIGTERM')).toEqual({ status: 0, signal: null });
  });

  test('SIGHUP changes nothing', async () => {
    const daemon = await startDaemon();
    daemon.process.child.kill('SIGHUP');
    expect(await daemon.ask('a.example', 'A')).toMatchObject({ rcode: 'NOERROR' });
    expect(daemon.process.exit).toBeNull();
  });

  test('a query that waits for upstream at SIGTERM is still answered', async () => {
    const daemon = await startDaemon({
      rules: [{ name: '*', delayMs: 400, reply: { answer: ['slow.example. 60 IN A 10.0.0.2'] } }],
    });
    const reply = daemon.ask('slow.example', 'A');
    await expect.poll(() => daemon.upstream.seen).toHaveLength(1);
    daemon.process.child.kill('SIGTERM');
    expect(await reply).toMatchObject({ rcode: 'NOERROR' });
    expect(await daemon.process.untilExit()).toEqual({ status: 0, signal: null });
  });

  test('it leaves its ports free at once', async () => {
    const first = await startDaemon();
    await first.process.stop();
    const second = await startDaemon({
      corefile: `.:${first.ports.dns} {\n bind 127.0.0.1\n whoami\n}\n.:{PORT} {\n bind 127.0.0.1\n whoami\n}\n`,
    });
    expect(await second.ask('a.example', 'A')).not.toBeNull();
  });
});
