import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { CommandOptions, CommandRunner } from '../../../src/host/command.ts';
import { createNodeEvents, type NodeEvents } from '../../../src/host/node-events.ts';
import { RulesKeeper } from '../../../src/host/rules-keeper.ts';
import { createSetupErrors, type SetupErrors } from '../../../src/host/setup-errors.ts';
import { Log } from '../../../src/log/log.ts';
import { absent, done, FakeIptables, FakeWatch, failed, ManualClock } from './fakes.ts';

const IP = '10.96.0.10';
const SYNC_MS = 60_000;

let kernel: FakeIptables;
let watch: FakeWatch;
let clock: ManualClock;
let counters: SetupErrors;
let events: NodeEvents;
let lines: string[];
let served: Set<string>;
let keeper: RulesKeeper;

beforeEach(() => {
  kernel = new FakeIptables();
  watch = new FakeWatch(() => kernel.rules.join('\n'));
  clock = new ManualClock();
  counters = createSetupErrors();
  events = createNodeEvents();
  lines = [];
  served = new Set();
  keeper = createKeeper(true);
});

function createKeeper(leased: boolean, localIps = [IP]): RulesKeeper {
  return new RulesKeeper(
    {
      localIps,
      interfaceName: 'nodelocaldns',
      mode: 'auto',
      syncIntervalMs: SYNC_MS,
      dnsPort: 53,
      healthPort: 8080,
      leased,
    },
    {
      log: new Log((line) => lines.push(line)),
      ...{ counters, events, clock, watch },
      run: (...args) => kernel.run(...args),
      isServedByOther: (ip) => served.has(ip),
    },
  );
}

test('an address is ready when its rules are in place', async () => {
  expect(keeper.isReady(IP)).toBe(false);
  await keeper.install();
  expect(keeper.isReady(IP)).toBe(true);
  expect(kernel.rules).toHaveLength(12);
  expect(events.repairs.rules).toBe(0);
});

describe('tick', () => {
  beforeEach(async () => {
    await keeper.install();
    await keeper.tick();
  });

  test('looks at nothing while the kernel says that nothing changed', async () => {
    kernel.commands = 0;
    for (let second = 0; second < 59; second++) {
      clock.ms += 1000;
      expect(await keeper.tick()).toBe(false);
    }
    expect(kernel.commands).toBe(0);
  });

  test('puts rules back when the kernel says that something changed', async () => {
    kernel.tables.raw.length = 0;
    expect(await keeper.tick()).toBe(true);
    expect(kernel.rules).toHaveLength(12);
    expect(events.repairs.rules).toBe(1);
    for (let second = 0; second < 2; second++) await keeper.tick();
    expect(await keeper.tick()).toBe(false);
    expect(events.repairs.rules).toBe(1);
  });

  test('looks at the rules every sync interval all the same', async () => {
    watch.isBlind = true;
    kernel.tables.raw.length = 0;
    clock.ms += SYNC_MS;
    expect(await keeper.tick()).toBe(true);
    expect(kernel.rules).toHaveLength(12);
  });
});

describe('changes that meet', () => {
  /** Flushes a table right after `program` has ended, once. */
  function flushAfter(program: string): void {
    kernel.after = (file) => {
      if (file !== program) return;
      kernel.after = () => {};
      kernel.tables.raw.length = 0;
    };
  }

  test('what is flushed right after a look is seen by the next tick', async () => {
    await keeper.install();
    await keeper.tick();
    flushAfter('iptables-save');
    clock.ms += SYNC_MS;
    await keeper.tick();
    expect(kernel.tables.raw).toEqual([]);
    expect(await keeper.tick()).toBe(true);
    expect(kernel.rules).toHaveLength(12);
  });

  test('what is flushed right after a change is seen by the next tick', async () => {
    flushAfter('iptables-restore');
    await keeper.install();
    expect(kernel.tables.raw).toEqual([]);
    expect(await keeper.tick()).toBe(true);
    expect(kernel.rules).toHaveLength(12);
  });

  test('rules that are never found as they were set are not set every second', async () => {
    kernel.after = (file) => {
      if (file.endsWith('-restore')) kernel.tables.raw.length = 0;
    };
    await keeper.install();
    await keeper.tick();
    kernel.commands = 0;
    expect(await keeper.tick()).toBe(false);
    expect(kernel.commands).toBe(0);
  });
});

describe('when Kubernetes shows what it uses only later', () => {
  const CHAIN = ':KUBE-KUBELET-CANARY - [0:0]';
  let nft: FakeIptables;

  beforeEach(() => {
    nft = new FakeIptables();
    const old = kernel.run;
    const run: CommandRunner = async (file, args, options) => {
      if (file === 'iptables' && args[0] === '--version') return done('iptables v1.8.9 (legacy)');
      return file.startsWith('iptables-nft')
        ? nft.run(file, args, options)
        : old(file, args, options);
    };
    Object.defineProperty(kernel, 'run', { value: run });
  });

  test('the rules move there at the next sync interval', async () => {
    await keeper.install();
    expect(kernel.rules).toHaveLength(12);
    nft.tables.mangle = [CHAIN];
    clock.ms += 1000;
    await keeper.tick();
    expect(nft.rules).toEqual([CHAIN]);
    clock.ms += SYNC_MS;
    await keeper.tick();
    expect(nft.rules).toHaveLength(13);
    expect(kernel.rules).toEqual([]);
    expect(keeper.isReady(IP)).toBe(true);
    expect(lines.join('\n')).toContain('KUBE chains are in iptables-nft');
  });

  test('rules that cannot be set are tried where Kubernetes has its own', async () => {
    kernel.listRefusal = failed('Invalid argument');
    await keeper.install();
    expect(keeper.isReady(IP)).toBe(false);
    nft.tables.mangle = [CHAIN];
    clock.ms += 1000;
    await keeper.tick();
    expect(nft.rules).toHaveLength(13);
    expect(keeper.isReady(IP)).toBe(true);
  });

  test('once seen, it is not looked for again', async () => {
    nft.tables.mangle = [CHAIN];
    await keeper.install();
    nft.tables.mangle = [];
    clock.ms += SYNC_MS;
    await keeper.tick();
    expect(kernel.rules).toEqual([]);
  });

  test('the end takes the rules away from where they are', async () => {
    await keeper.install();
    nft.tables.mangle = [CHAIN];
    clock.ms += SYNC_MS;
    nft.refusal = failed('busy');
    await keeper.tick();
    expect(kernel.rules).toHaveLength(12);
    nft.refusal = null;
    await keeper.remove(1000);
    expect([...kernel.rules, ...nft.rules]).toEqual([CHAIN]);
  });
});

describe('when iptables misbehaves', () => {
  test('a held lock and other errors are counted apart', async () => {
    kernel.refusal = failed('Another app is currently holding the xtables lock.', 4);
    await keeper.install();
    expect(counters).toMatchObject({ iptablesLock: 1, iptables: 0 });
    kernel.refusal = failed('line 2 failed');
    await keeper.install();
    expect(counters).toMatchObject({ iptablesLock: 1, iptables: 1 });
    expect(keeper.isReady(IP)).toBe(false);
  });

  test('pauses between attempts grow, and shrink again after a success', async () => {
    kernel.refusal = failed('line 2 failed');
    await keeper.install();
    const attempts: number[] = [];
    for (let second = 1; second <= 31; second++) {
      clock.ms += 1000;
      if (await keeper.tick()) attempts.push(second);
    }
    expect(attempts).toEqual([1, 3, 7, 15, 31]);
    kernel.refusal = null;
    clock.ms += 30_000;
    await keeper.tick();
    expect(keeper.isReady(IP)).toBe(true);
  });

  test('what cannot be looked at is taken to be as it was', async () => {
    await keeper.install();
    kernel.listRefusal = failed('busy');
    clock.ms += SYNC_MS;
    await keeper.tick();
    expect(counters.iptables).toBe(1);
    expect(keeper.isReady(IP)).toBe(true);
  });

  test('a node without any tool is counted and tried again', async () => {
    const { run } = kernel;
    Object.defineProperty(kernel, 'run', { value: async () => absent, writable: true });
    await keeper.install();
    expect(counters.iptables).toBe(1);
    expect(keeper.isReady(IP)).toBe(false);
    Object.defineProperty(kernel, 'run', { value: run });
    clock.ms += 1000;
    await keeper.tick();
    expect(keeper.isReady(IP)).toBe(true);
  });
});

describe('leftovers', () => {
  test('rules of the original, and of addresses that nobody serves, go', async () => {
    await createKeeper(false).install();
    await keeper.removeLeftovers();
    expect(kernel.rules.filter((rule) => rule.includes('-d '))).toEqual([]);
  });

  test('rules that end with the lease may stay', async () => {
    await keeper.install();
    await createKeeper(true).removeLeftovers();
    expect(kernel.rules).toHaveLength(12);
    expect(kernel.scripts).toHaveLength(1);
  });

  test('without a lease the same rules would swallow queries, so they go', async () => {
    await createKeeper(false).install();
    await createKeeper(false).removeLeftovers();
    expect(kernel.rules).toEqual([]);
  });

  test('rules of an address that a living program serves stay', async () => {
    await createKeeper(false).install();
    served.add(IP);
    await keeper.removeLeftovers();
    expect(kernel.rules).toHaveLength(12);
  });
});

describe('two address families', () => {
  const V6 = 'fd00:10::a';
  const both = () => createKeeper(true, [IP, V6]);

  test('are worked on at the same time', async () => {
    const { run } = kernel;
    let [running, most] = [0, 0];
    Object.defineProperty(kernel, 'run', {
      value: async (...args: Parameters<typeof run>) => {
        running++;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return run(...args);
      },
    });
    await both().install();
    // Two tables of two families.
    expect(most).toBe(4);
  });

  test('one whose tool hangs does not hold up the other', async () => {
    const { run } = kernel;
    Object.defineProperty(kernel, 'run', {
      value: (file: string, args: readonly string[], options: CommandOptions) =>
        file === 'ip6tables-restore' ? new Promise(() => {}) : run(file, args, options),
    });
    keeper = both();
    void keeper.install();
    await vi.waitUntil(() => keeper.isReady(IP));
    expect(keeper.isReady(V6)).toBe(false);
  });
});

describe('the end', () => {
  /** A tool that works until it is not wanted any more. */
  const busy: CommandRunner = (_file, _args, { signal }) =>
    new Promise((resolve) => {
      if (signal?.aborted) resolve(failed('aborted'));
      signal?.addEventListener('abort', () => resolve(failed('aborted')));
    });

  test('a command that takes long does not hold up the removal, nor is it an error', async () => {
    await keeper.install();
    const { run } = kernel;
    Object.defineProperty(kernel, 'run', { value: busy, writable: true });
    void keeper.install();
    await vi.waitUntil(() => kernel.run === busy);
    const removal = keeper.remove(60_000);
    Object.defineProperty(kernel, 'run', { value: run });
    await removal;
    expect(kernel.rules).toEqual([]);
    expect(counters.iptables).toBe(0);
    expect(lines.join()).not.toContain('[ERROR]');
  });

  test('what was asked for before and has not begun is not done', async () => {
    void keeper.install();
    void keeper.removeLeftovers();
    void keeper.install();
    await keeper.remove(60_000);
    await keeper.tick();
    expect(kernel.rules).toEqual([]);
  });

  test('a removal that fails is tried once more', async () => {
    await keeper.install();
    const { run } = kernel;
    let refused = 0;
    Object.defineProperty(kernel, 'run', {
      value: async (file: string, args: readonly string[], options: CommandOptions) =>
        file.endsWith('-restore') && refused++ === 0
          ? failed('Bad rule (does a matching rule exist in that chain?).')
          : run(file, args, options),
    });
    await keeper.remove(60_000);
    expect(kernel.rules).toEqual([]);
  });

  test('what cannot be removed in time stays, with a line in the log', async () => {
    await keeper.install();
    Object.defineProperty(kernel, 'run', { value: busy });
    await keeper.remove(10);
    expect(lines.at(-1)).toContain('rules are not removed after 0.01 s: leaving them');
  });
});

test('remove takes both forms of our rules away', async () => {
  await createKeeper(false).install();
  await keeper.install();
  await keeper.remove(1000);
  expect(kernel.rules).toEqual([]);
  expect(keeper.isReady(IP)).toBe(false);
  expect(events.repairs.rules).toBe(0);
});
