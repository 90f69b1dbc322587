import { expect, onTestFinished, test, vi } from 'vitest';
import { Log } from '../../../src/log/log.ts';
import { LogOutput } from '../../../src/log/output.ts';

function createOutput() {
  const lines: string[] = [];
  const time = { ms: Date.UTC(2026, 0, 2, 3, 4, 5) };
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const output = new LogOutput({ write: (line) => lines.push(line), now: () => time.ms });
  return { lines, output, log: new Log(output.sink), time };
}

test('text lines are as the log makes them', () => {
  const { lines, log } = createOutput();
  log.plain('.:53');
  log.forPlugin('reload').info('Running configuration SHA512 = 00');
  expect(lines).toEqual(['.:53', '[INFO] plugin/reload: Running configuration SHA512 = 00']);
});

test('JSON lines hold time, level, plugin and text', () => {
  const { lines, output, log } = createOutput();
  output.format = 'json';
  log.plain('.:53');
  log.forPlugin('errors').error('2 "x". A: i/o timeout');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { time: '2026-01-02T03:04:05.000Z', level: 'info', plugin: '', text: '.:53' },
    {
      time: '2026-01-02T03:04:05.000Z',
      level: 'error',
      plugin: 'errors',
      text: '2 "x". A: i/o timeout',
    },
  ]);
});

test('a complaint that repeats itself is written once, then counted', () => {
  const { lines, output, log, time } = createOutput();
  const errors = log.forPlugin('errors');
  for (const ms of [12, 34]) errors.error(`2 a. A: 2 attempts in ${ms}ms: i/o timeout`);
  errors.error('2 a. A: 1 attempt in 5001ms: i/o timeout');
  expect(lines).toEqual(['[ERROR] plugin/errors: 2 a. A: 2 attempts in 12ms: i/o timeout']);
  time.ms += 29_000;
  output.tick();
  expect(lines).toHaveLength(1);
  time.ms += 1000;
  output.tick();
  expect(lines[1]).toBe(
    '[ERROR] plugin/errors: 2 a. A: 1 attempt in 5001ms: i/o timeout … repeated 2 times in 30 s',
  );
});

test('a complaint that goes on and on takes one line per window, and is news again after a quiet one', () => {
  const { lines, output, log, time } = createOutput();
  const window = (repeat: boolean) => {
    if (repeat) for (const _ of [1, 2]) log.warning('lock held');
    time.ms += 30_000;
    output.tick();
  };
  for (const repeat of [true, true, true, false, true]) window(repeat);
  expect(lines).toEqual([
    '[WARNING] lock held',
    '[WARNING] lock held … repeated once in 30 s',
    '[WARNING] lock held … repeated 2 times in 30 s',
    '[WARNING] lock held … repeated 2 times in 30 s',
    '[WARNING] lock held',
    '[WARNING] lock held … repeated once in 30 s',
  ]);
});

test('different complaints and everything that is none are written as they come', () => {
  const { lines, log } = createOutput();
  for (const name of ['a.', 'b.']) log.error(`2 ${name} A: refused`);
  for (const _ of [1, 2]) log.info('the same');
  expect(lines).toHaveLength(4);
});

test('what was counted is not lost at the end', () => {
  const { lines, output, log } = createOutput();
  for (const _ of [1, 2, 3]) log.error('again');
  output.flush();
  expect(lines).toEqual(['[ERROR] again', '[ERROR] again … repeated 2 times in 1 s']);
});

test('the last complaints are kept with how often they were made, and no more than fifty', () => {
  const { output, log } = createOutput();
  for (let i = 0; i < 60; i++) log.error(`fault ${i}.`);
  log.error('fault 30.');
  const { complaints } = output;
  expect(complaints).toHaveLength(50);
  expect(complaints[0]).toMatchObject({ entry: { text: 'fault 30.' }, times: 2 });
  expect(complaints.at(-1)).toMatchObject({ entry: { text: 'fault 10.' }, times: 1 });
});
