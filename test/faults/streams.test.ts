import { expect, test } from 'vitest';
import { daemonFor, upstreams } from './faulty-setup.ts';
import type { Faults } from './faulty-upstream.ts';
import { steadyLoad } from './steady-load.ts';

const PER_SECOND = 500;
const SECONDS = 4;

async function askThrough(faults: Partial<Faults>, label: string) {
  const [upstream] = await upstreams(faults);
  const daemon = await daemonFor([upstream], 'force_tcp');
  const port = daemon.ports.dns;
  // A first answer tells how long answers take.
  await steadyLoad({ port, perSecond: 10, seconds: 1, name: (index) => `first${index}.test` });
  const load = steadyLoad({
    port,
    perSecond: PER_SECOND,
    seconds: SECONDS,
    name: (index) => `${label}${index}.test`,
  });
  return { upstream, load };
}

test.each<[string, Partial<Faults>]>([
  ['closes after every answer', { closeAfter: 1 }],
  ['closes after every 10 answers', { closeAfter: 10 }],
  ['closes after every 128 answers', { closeAfter: 128 }],
  ['resets after every answer', { resetAfter: 1 }],
  ['resets after every 10 answers', { resetAfter: 10 }],
  ['sends half of every 50th answer and stops', { halfEvery: 50 }],
  ['answers in the opposite order', { shuffle: 8 }],
  ['answers twice', { copies: 2 }],
  [
    'answers twice in the opposite order and closes after 10',
    { copies: 2, shuffle: 8, closeAfter: 10 },
  ],
])('no client notices when a single upstream %s over TCP', async (label, faults) => {
  const { upstream, load } = await askThrough(faults, label.replaceAll(' ', '-'));
  const account = await load;
  console.log(
    `${label}: ${account}, ${upstream.asked} questions, ${upstream.accepted} connections`,
  );
  expect(account.count(0)).toBe(PER_SECOND * SECONDS);
  // Before any client asks again, with the upstream's and the test's own work in it.
  expect(account.maxMs).toBeLessThan(5000);
  // Whoever loses what it was asked is asked again, but not for ever.
  expect(upstream.asked).toBeLessThan(PER_SECOND * SECONDS * 10);
});

test('no query fails when a single upstream forgets all it is asked for 600 ms', async () => {
  const { upstream, load } = await askThrough({}, 'forgets');
  setTimeout(() => {
    upstream.faults.dropUntilMs = performance.now() + 600;
  }, 1000);
  const account = await load;
  console.log(`forgets: ${account}`);
  expect(account.count(0)).toBe(PER_SECOND * SECONDS);
  expect(account.maxMs).toBeLessThan(2000);
});
