import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadbalance } from '../../../src/plugins/loadbalance.ts';
import { readWeights } from '../../../src/plugins/loadbalance-weights.ts';
import type { Stage } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import {
  resolveNow,
  type Shown,
  type TextReply,
  TextUpstream,
} from '../../helpers/text-upstream.ts';
import { queryOf, queryWire } from '../dns/messages.ts';

const HOSTS = [1, 2, 3, 4].map((n) => `a.test. 9 IN A 192.0.2.${n}`);

/** The stage of `corefile` in front of an upstream, and its parts. */
function build(corefile: string, reply: TextReply) {
  const upstream = new TextUpstream(() => reply);
  const made = makeContext();
  const stage = loadbalance.stage?.(parseWith(loadbalance, corefile), made.context, upstream);
  if (stage === undefined) throw new Error('loadbalance has no stage');
  return { stage, ...made };
}

function ask(stage: Stage, type = 'A'): Shown {
  return resolveNow(stage, queryOf(queryWire('a.test', type)));
}

/** How often each record came first. */
function firsts(stage: Stage, times: number, type = 'A'): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const [first] = ask(stage, type).answers;
    counts[first] = (counts[first] ?? 0) + 1;
  }
  return counts;
}

describe('round_robin', () => {
  test.each(['loadbalance', 'loadbalance round_robin'])('%s: each comes first as often', (text) => {
    const { stage } = build(text, { answers: HOSTS });
    const counts = firsts(stage, 2000);
    expect(Object.keys(counts).sort()).toEqual(HOSTS);
    // Six standard deviations from 500.
    for (const count of Object.values(counts)) expect(Math.abs(count - 500)).toBeLessThan(116);
  });

  test('no record is lost or made in any section', () => {
    const mx = [
      'a.test. 9 IN MX 1 b.test.',
      'a.test. 9 IN MX 1 c.test.',
      'a.test. 9 IN MX 1 d.test.',
    ];
    const { stage } = build('loadbalance', { answers: mx, authorities: mx, additionals: HOSTS });
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const { answers, authorities, additionals } = ask(stage, 'MX');
      expect([...answers].sort()).toEqual(mx);
      expect([...authorities].sort()).toEqual(mx);
      expect([...additionals].sort()).toEqual(HOSTS);
      seen.add(answers.join());
    }
    expect(seen.size).toBe(6);
  });

  test('aliases come before, MX records behind addresses', () => {
    const answers = [
      'c.test. 9 IN MX 1 d.test.',
      'b.test. 9 IN A 192.0.2.1',
      'b.test. 9 IN TXT "x"',
      'b.test. 9 IN A 192.0.2.1',
      'a.test. 9 IN CNAME b.test.',
    ];
    const { stage } = build('loadbalance', { answers });
    expect(ask(stage).answers).toEqual([
      answers[4],
      answers[2],
      answers[1],
      answers[3],
      answers[0],
    ]);
  });

  test('A and AAAA records are shuffled together', () => {
    const answers = ['a.test. 9 IN A 192.0.2.1', 'a.test. 9 IN AAAA fd00::1'];
    const { stage } = build('loadbalance', { answers });
    expect(Object.keys(firsts(stage, 100)).sort()).toEqual(answers);
  });

  test('what holds one address, no success or a transfer is the answer that came', () => {
    const pass = (reply: TextReply, type = 'A') => {
      const upstream = new TextUpstream(() => reply);
      const stage = loadbalance.stage?.(
        parseWith(loadbalance, 'loadbalance'),
        makeContext().context,
        {
          resolve: (query, done) =>
            upstream.resolve(query, (outcome) => {
              given = outcome;
              done(outcome);
            }),
        },
      );
      let given: unknown;
      let got: unknown;
      stage?.resolve(queryOf(queryWire('a.test', type)), (outcome) => {
        got = outcome;
      });
      return got === given;
    };
    expect(pass({ answers: HOSTS.slice(0, 1) })).toBe(true);
    expect(pass({ answers: HOSTS, rcode: 3 })).toBe(true);
    expect(pass({ answers: HOSTS }, 'AXFR')).toBe(true);
    expect(pass({ answers: HOSTS })).toBe(false);
  });

  test('stored answers come by here', () => {
    let declined = false;
    const { context } = makeContext({
      declineHitPath: () => {
        declined = true;
      },
    });
    loadbalance.stage?.(parseWith(loadbalance, 'loadbalance'), context, { resolve: () => {} });
    expect(declined).toBe(true);
  });
});

describe('prefer', () => {
  const answers = [
    'a.test. 9 IN AAAA fd00::1',
    'a.test. 9 IN A 10.1.0.1',
    'a.test. 9 IN A 10.9.255.1',
    'a.test. 9 IN A 192.0.2.1',
  ];

  test.each([
    ['10.8.0.0/15', [2]],
    ['fd00::/8 10.1.0.0/16', [0, 1]],
    ['10.9.255.1/32 fd00::/8', [2, 0]],
    ['0.0.0.0/0 10.1.0.0/16', []],
    ['192.0.2.0/25', [3]],
  ])('%s', (networks, expected) => {
    const { stage } = build(`loadbalance {\n prefer ${networks}\n}`, { answers });
    for (let i = 0; i < 30; i++) {
      const got = ask(stage).answers;
      expect(got.slice(0, expected.length)).toEqual(expected.map((n) => answers[n]));
      expect([...got].sort()).toEqual([...answers].sort());
      if (networks.startsWith('0.0.0.0')) expect(got[3]).toBe(answers[0]);
    }
  });
});

describe('weighted', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weights-'));
    path = join(folder, 'weights');
  });
  afterEach(async () => {
    vi.useRealTimers();
    await rm(folder, { recursive: true });
  });

  test('an address comes first as often as its weight says', async () => {
    writeFileSync(path, '# hosts\n\nA.Test\n192.0.2.1 1\n192.0.2.2 5\n');
    const { stage, generation, lines } = build(`loadbalance weighted ${path}`, { answers: HOSTS });
    await generation.start();
    const counts = firsts(stage, 4000);
    // 5 of 8; six standard deviations.
    expect(Math.abs(counts[HOSTS[1]] - 2500)).toBeLessThan(184);
    expect(Object.keys(counts)).toHaveLength(4);
    expect(lines).toEqual([`[INFO] plugin/loadbalance: Successfully reloaded weight file ${path}`]);
    await generation.stop();
  });

  test('only the first address changes place', async () => {
    writeFileSync(path, 'a.test.\n192.0.2.3 255\n');
    const { stage, generation } = build(`loadbalance weighted ${path}`, { answers: HOSTS });
    await generation.start();
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) seen.add(ask(stage).answers.join());
    const swapped = (n: number) => {
      const order = [...HOSTS];
      [order[0], order[n]] = [order[n], order[0]];
      return order.join();
    };
    expect(seen).toContain(swapped(2));
    for (const order of seen) expect([0, 1, 2, 3].map(swapped)).toContain(order);
    expect(ask(stage, 'TXT').answers).toEqual(HOSTS);
    await generation.stop();
  });

  test('a new file takes effect after its time, one with a fault does not', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    writeFileSync(path, 'a.test\n192.0.2.1 1\n');
    const corefile = `loadbalance weighted ${path} {\n reload 10s\n}`;
    const { generation, lines } = build(corefile, { answers: HOSTS });
    await generation.start();
    writeFileSync(path, 'a.test\n192.0.2.1 0\n');
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(lines).toHaveLength(2));
    expect(lines[1]).toContain('line 2: "0" is not a weight from 1 to 255');
    writeFileSync(path, 'a.test\n192.0.2.1 9\n');
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(lines).toHaveLength(3));
    expect(lines[2]).toContain('Successfully reloaded');
    await generation.stop();
  });

  test('a file that is not there is waited for', async () => {
    const { generation, lines } = build(`loadbalance weighted ${path}`, { answers: HOSTS });
    await generation.start();
    expect(lines[0]).toContain(`[WARNING] plugin/loadbalance: opening weight file "${path}"`);
    await generation.stop();
  });

  test('without reload it must be there', async () => {
    const { generation } = build(`loadbalance weighted ${path} {\n reload 0s\n}`, {});
    await expect(generation.start()).rejects.toThrow(`opening weight file "${path}"`);
  });
});

test('weights belong to the name before them', () => {
  const table = readWeights(
    'a.test\n192.0.2.1 3\nFD00:0:0::1 255\nB.test.\n192.0.2.1 7\na.test\n192.0.2.9 1',
  );
  expect(table.get('a.test.')).toEqual(
    new Map([
      ['192.0.2.1', 3],
      ['fd00::1', 255],
      ['192.0.2.9', 1],
    ]),
  );
  expect(table.get('b.test.')).toEqual(new Map([['192.0.2.1', 7]]));
});

test.each([
  ['192.0.2.1', 'line 1: "192.0.2.1" has no weight'],
  ['192.0.2.1 5', 'line 1: a name must come before addresses'],
  ['a.test\nb.test 5', 'line 2: "b.test" is not an IP address'],
  ['a.test\n192.0.2.1 256', 'line 2: "256" is not a weight'],
  ['a.test\n192.0.2.1 -1', 'line 2: "-1" is not a weight'],
  ['a.test\n192.0.2.1 1 2', 'line 2: "192.0.2.1 1 2" is neither'],
])('the weights %j are refused', (text, message) => {
  expect(() => readWeights(text)).toThrow(message);
});

test.each([
  ['loadbalance bogus', 'argument-value'],
  ['loadbalance round_robin 5', 'argument-count'],
  ['loadbalance weighted', 'argument-count'],
  ['loadbalance weighted a b', 'argument-count'],
  ['loadbalance {\n reload 5s\n}', 'unknown-option'],
  ['loadbalance weighted a {\n reload\n}', 'argument-count'],
  ['loadbalance weighted a {\n reload 5\n}', 'argument-value'],
  ['loadbalance weighted a {\n reload -5s\n}', 'argument-value'],
  ['loadbalance {\n prefer 10.0.0.0/33\n}', 'argument-value'],
  ['loadbalance {\n prefer 10.0.0.0\n}', 'argument-value'],
  ['loadbalance {\n bogus\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(loadbalance, text)).toBe(code);
});
