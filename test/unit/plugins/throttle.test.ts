import { expect, test } from 'vitest';
import { Log } from '../../../src/log/log.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { lastingThrottle } from '../../../src/plugins/throttle.ts';
import { FakeClock } from '../../helpers/cache-fixture.ts';

function makeThrottle() {
  const lines: string[] = [];
  const clock = new FakeClock();
  const catalogue = new Catalogue();
  const modules = { log: new Log((line) => lines.push(line)), clock };
  return { throttle: lastingThrottle(catalogue, modules), lines, clock, catalogue };
}

test('a client that is refused is named once a minute', () => {
  const { throttle, lines, clock } = makeThrottle();
  for (let i = 0; i < 100; i++) throttle.refuse('10.0.0.9', 'processor');
  throttle.refuse('10.0.0.8', 'upstream');
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('10.0.0.9');
  clock.advance(59);
  throttle.refuse('10.0.0.9', 'processor');
  expect(lines).toHaveLength(2);
  clock.advance(1);
  throttle.refuse('10.0.0.9', 'question');
  expect(lines).toHaveLength(3);
});

test('refusals are counted by reason, and leave nothing for the log of errors', () => {
  const { throttle, catalogue } = makeThrottle();
  expect(throttle.refuse('10.0.0.9', 'processor')).toMatchObject({ rcode: 5, error: '' });
  throttle.refuse('10.0.0.9', 'processor');
  throttle.refuse('10.0.0.9', 'upstream');
  const seen: unknown[] = [];
  catalogue.read('nodelocaldns_throttled_total', ({ reason }, count) => seen.push([reason, count]));
  expect(seen).toEqual([
    ['processor', 2],
    ['question', 0],
    ['upstream', 1],
  ]);
});
