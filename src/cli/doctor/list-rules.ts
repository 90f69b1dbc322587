/** Our rules in the kernel with what each has seen, whatever they are kept with. */
import { isOurTable, readCountedRules } from '../../host/nftables-rules.ts';
import { parseRule, type Rule } from '../../host/rules.ts';
import type { Examination } from './examination.ts';

const DEADLINE_MS = 10_000;

/** A rule in the kernel, and how many packets it has seen. */
export interface CountedRule {
  readonly rule: Rule;
  readonly packets: number;
}

/** All rules of ours that `programs` keep; null when they cannot be listed. */
export async function listRules(
  examination: Examination,
  programs: readonly string[],
): Promise<CountedRule[] | null> {
  const rules: CountedRule[] = [];
  for (const program of programs) {
    const found =
      program === 'nftables'
        ? await nftablesRules(examination)
        : await iptablesRules(program, examination);
    if (found === null) return null;
    rules.push(...found);
  }
  return rules;
}

async function iptablesRules(program: string, { run }: Examination): Promise<CountedRule[] | null> {
  const rules: CountedRule[] = [];
  for (const table of ['raw', 'filter'] as const) {
    const [name, variant] = program.split('-');
    const save = variant === undefined ? `${name}-save` : `${name}-${variant}-save`;
    const listing = await run(save, ['-c', '-t', table], { deadlineMs: DEADLINE_MS });
    if (listing.status !== 0) return null;
    for (const line of listing.stdout.split('\n')) {
      const rule = parseRule(table, line);
      if (rule !== null) rules.push({ rule, packets: Number(/^\[(\d+):/.exec(line)?.[1] ?? 0) });
    }
  }
  return rules;
}

/** Of all tables of ours: each instance has one where tables have owners. */
async function nftablesRules({ run, setup }: Examination): Promise<CountedRule[] | null> {
  const listed = await run('nft', ['list', 'tables'], { deadlineMs: DEADLINE_MS });
  if (listed.status !== 0) return null;
  const names = [...listed.stdout.matchAll(/^table inet (\S+)$/gm)].map(([, name]) => name);
  const rules: CountedRule[] = [];
  for (const name of names.filter((table) => isOurTable(table, setup.interfaceName))) {
    const table = await run('nft', ['-j', 'list', 'table', 'inet', name], {
      deadlineMs: DEADLINE_MS,
    });
    if (table.status !== 0) return null;
    rules.push(...readCountedRules(table.stdout));
  }
  return rules;
}
