/** Plays every recorded scenario against the built daemon. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findMismatches } from './compare.ts';
import { DIFFERENCES } from './differences.ts';
import { play } from './player.ts';
import type { Scenario } from './scenario.ts';

const folder = new URL('.', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const scenariosOf = (file: string): Scenario[] =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8'));

for (const file of files) {
  describe.concurrent(file, () => {
    test.each(
      scenariosOf(file).map((scenario) => [scenario.name, scenario.why, scenario] as const),
      // Recordings tell times too, and how often upstreams were asked: where the machine makes an
      // answer late, a conversation is held once more. What is wrong stays wrong.
    )('%s: %s', { timeout: 60_000, retry: 2 }, async (_name, _why, scenario) => {
      if (scenario.startup) await checkStart(scenario);
      else await checkConversation(scenario);
    });
  });
}

test('every listed difference belongs to a scenario', () => {
  const names = files.flatMap(scenariosOf).map((scenario) => scenario.name);
  expect(names).toEqual(expect.arrayContaining(DIFFERENCES.map(({ scenario }) => scenario)));
});

async function checkStart(scenario: Scenario): Promise<void> {
  const { exit, output } = await play(scenario);
  expect(exit?.status ?? null, output).toBe(scenario.exit);
}

async function checkConversation(scenario: Scenario): Promise<void> {
  const { results, output } = await play(scenario);
  const mismatches = scenario.steps.flatMap((step, index) => [
    ...findMismatches(step.want ?? step.got, results[index].got, `step ${index} got`),
    ...findMismatches(step.wantSeen ?? step.seen, results[index].seen, `step ${index} seen`),
  ]);
  const ours = DIFFERENCES.find((difference) => difference.scenario === scenario.name)?.ours ?? {};
  const unexpected = mismatches.filter(({ at }) => !Object.hasOwn(ours, at));
  expect(unexpected, output).toEqual([]);
  for (const [at, value] of Object.entries(ours)) {
    const mismatch = mismatches.find((candidate) => candidate.at === at);
    expect(mismatch?.got, `${scenario.name}: ${at}`).toEqual(value);
  }
}
