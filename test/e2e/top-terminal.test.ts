/** `top` on a real terminal, that of `script` from util-linux. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const BUILT = new URL('../../dist/nodelocaldns.js', import.meta.url).pathname;
const ROWS = 20;
const COLUMNS = 60;
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const hasScript = spawnSync('script', ['--version']).status === 0;

/** A terminal of ROWS by COLUMNS in which `top` runs. */
function openTerminal(daemon: RunningDaemon): { child: ChildProcess; output: () => string } {
  const command = `stty rows ${ROWS} cols ${COLUMNS}; exec "${process.execPath}" "${BUILT}" top --pid ${daemon.process.child.pid}`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm', SHELL: '/bin/sh' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return { child, output: () => output };
}

/** The lines of each screen, without what moves the cursor. */
function screensOf(output: string): string[][] {
  return output
    .split(HOME)
    .slice(1)
    .map((screen) => screen.split('\r\n').map((line) => line.replaceAll(ERASE_LINE, '')));
}

test('top writes screen over screen, each within the terminal, until Ctrl-C', async ({ skip }) => {
  if (!hasScript) skip('script of util-linux is not installed: no terminal to be had');
  const daemon = await startDaemon();
  await daemon.process.untilOutput('linux/');
  const { child, output } = openTerminal(daemon);
  const name = `a-name-that-is-longer-than-half-a-line-of-the-screen.example`;
  const asking = setInterval(() => void daemon.ask(name, 'A'), 50);
  onTestFinished(() => clearInterval(asking));
  const isShown = () => screensOf(output()).filter((lines) => lines.join().includes('a-name-'));
  await expect.poll(() => isShown().length, { timeout: 30_000 }).toBeGreaterThan(2);
  clearInterval(asking);
  child.stdin?.write('\x03');
  const [status] = await once(child, 'exit');
  // 128 and the number of SIGINT.
  expect(status, output()).toBe(130);
  const screens = screensOf(output()).slice(0, -1);
  for (const lines of screens) {
    expect(lines[0]).toMatch(/^[\d.,]+ queries a second, all looked at, for \d+ s$/);
    expect(lines.length).toBeLessThanOrEqual(ROWS);
    for (const line of lines) expect(line.length).toBeLessThan(COLUMNS);
  }
  expect(screens.at(-1)?.join('\n')).toMatch(
    /^ +[\d.]+ a-name-that-is-\S*… +[\d.]+ 127\.0\.0\.1$/m,
  );
});
