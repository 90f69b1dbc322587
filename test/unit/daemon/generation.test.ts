import { describe, expect, it } from 'vitest';
import { Generation } from '../../../src/daemon/generation.ts';
import type { Part } from '../../../src/plugins/directive.ts';

/** A part that writes down what happens to it. */
function recorder(name: string, journal: string[], failure: Error | null = null): Part {
  return {
    async start() {
      journal.push(`start ${name}`);
      if (failure !== null) throw failure;
    },
    async stop() {
      journal.push(`stop ${name}`);
    },
  };
}

describe('Generation', () => {
  it('hands out one part for one key and starts it once', async () => {
    const journal: string[] = [];
    const generation = new Generation(null);
    const first = generation.take('a', () => recorder('a', journal));
    expect(generation.take('a', () => recorder('other', journal))).toBe(first);
    await generation.start();
    expect(journal).toEqual(['start a']);
  });

  it('takes running parts over and stops only those that are gone', async () => {
    const journal: string[] = [];
    const before = new Generation(null);
    const kept = before.take('kept', () => recorder('kept', journal));
    before.take('gone', () => recorder('gone', journal));
    await before.start();
    const after = new Generation(before);
    expect(after.take('kept', () => recorder('never', journal))).toBe(kept);
    after.take('new', () => recorder('new', journal));
    await after.start();
    await after.retirePrevious();
    expect(journal).toEqual(['start kept', 'start gone', 'start new', 'stop gone']);
  });

  it('stops what it started, and nothing it inherited, when a part does not start', async () => {
    const journal: string[] = [];
    const before = new Generation(null);
    before.take('kept', () => recorder('kept', journal));
    await before.start();
    const after = new Generation(before);
    after.take('kept', () => recorder('never', journal));
    after.take('good', () => recorder('good', journal));
    after.take('bad', () => recorder('bad', journal, new Error('port in use')));
    await expect(after.start()).rejects.toThrow('port in use');
    expect(journal).toEqual(['start kept', 'start good', 'start bad', 'stop bad', 'stop good']);
  });

  it('stops in the reverse order of starting', async () => {
    const journal: string[] = [];
    const generation = new Generation(null);
    for (const name of ['a', 'b']) generation.take(name, () => recorder(name, journal));
    await generation.stop();
    expect(journal).toEqual(['stop b', 'stop a']);
  });
});
