import { expect, test } from 'vitest';
import { COREFILE, startDaemon } from '../helpers/running-daemon.ts';

interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly plugin: string;
  readonly text: string;
}

test('with -log-format json every line is an object of its own', async () => {
  const daemon = await startDaemon({ flags: ['-log-format', 'json'] });
  await daemon.upstream.down();
  await daemon.ask('nobody.test', 'A');
  await daemon.process.untilOutput('plugin":"errors"');
  const { stdout } = daemon.process;
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
  for (const { time, level, text } of lines) {
    expect(Date.parse(time)).not.toBeNaN();
    expect(['debug', 'info', 'warning', 'error', 'fatal']).toContain(level);
    expect(typeof text).toBe('string');
  }
  const complaint = lines.find(({ plugin }) => plugin === 'errors');
  expect(complaint).toMatchObject({ level: 'error' });
  expect(complaint?.text).toContain('nobody.test. A');
});

test('one line at the start says who serves where, with what', async () => {
  const daemon = await startDaemon();
  await daemon.process.untilOutput('serves 127.0.0.1');
  const { dns, upstream } = daemon.ports;
  expect(daemon.process.stdout).toMatch(
    new RegExp(
      `^\\[INFO\\] nodelocaldns-\\S+ serves 127\\.0\\.0\\.1:${dns}; no interface; no lease; no rules; upstreams 127\\.0\\.0\\.1:${upstream}$`,
      'm',
    ),
  );
});

test('a complaint that repeats itself is written once, and its number at the end', async () => {
  const daemon = await startDaemon({
    corefile: COREFILE.replace('cache 30', 'cache 30 {\nservfail 0\n}'),
  });
  await daemon.upstream.down();
  for (let i = 0; i < 4; i++) await daemon.ask('nobody.test', 'A');
  const lines = () =>
    daemon.process.stdout.split('\n').filter((line) => line.includes('nobody.test'));
  expect(lines()).toHaveLength(1);
  // How often, with whom, on what, at which stage, and why.
  expect(lines()[0]).toMatch(
    /: \d+ attempts? in \d+ms: udp 127\.0\.0\.1:\d+ \(open for \d+ms\): read: connection refused$/,
  );
  await daemon.process.stop();
  expect(lines()).toHaveLength(2);
  expect(lines()[1]).toMatch(
    /^\[ERROR\] plugin\/errors: 2 nobody\.test\. A: .* … repeated 3 times in \d+ s$/,
  );
});

test('a format may say which upstream has answered; what comes from memory has none', async () => {
  const daemon = await startDaemon({
    corefile: COREFILE.replace('errors', 'log . "asked {/forward/upstream} for {name}"'),
  });
  await daemon.ask('a.example', 'A');
  await daemon.process.untilOutput(`asked 127.0.0.1:${daemon.ports.upstream} for a.example.\n`);
  await daemon.ask('a.example', 'A');
  await daemon.process.untilOutput('asked - for a.example.\n');
});
