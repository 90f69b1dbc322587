/** Stand-ins for the kernel and its tools. */
import type { CommandResult, CommandRunner } from '../../../src/host/command.ts';
import type { RulesWatch } from '../../../src/host/rules-watch.ts';
import type { Clock } from '../../../src/log/clock.ts';

export class ManualClock implements Clock {
  ms = 1_000_000;
  nowMs(): number {
    return this.ms;
  }
}

export const done = (stdout = ''): CommandResult => ({
  status: 0,
  stdout,
  stderr: '',
  missing: false,
});
export const failed = (stderr: string, status = 1): CommandResult => ({
  status,
  stdout: '',
  stderr,
  missing: false,
});
export const absent: CommandResult = { status: null, stdout: '', stderr: 'ENOENT', missing: true };

/** A kernel with tables of rules, behind iptables-save and iptables-restore. */
export class FakeIptables {
  readonly tables: Record<string, string[]> = { raw: [], filter: [] };
  /** What each restore was given. */
  readonly scripts: string[] = [];
  /** What iptables-restore answers with instead of working. */
  refusal: CommandResult | null = null;
  /** What iptables-save answers with instead of working. */
  listRefusal: CommandResult | null = null;
  /** What happens to the rules right after a program has ended. */
  after: (file: string) => void = () => {};
  commands = 0;

  readonly run: CommandRunner = async (file, args, { stdin = '' }) => {
    this.commands++;
    const result = this.#run(file, args, stdin);
    this.after(file);
    return result;
  };

  #run(file: string, args: readonly string[], stdin: string): CommandResult {
    if (file.includes('restore')) return this.#restore(stdin);
    if (file === 'iptables' && args[0] === '--version') return done('iptables v1.8.9 (nf_tables)');
    if (!file.endsWith('-save')) return absent;
    if (this.listRefusal !== null && this.tables[args[1]]) return this.listRefusal;
    return done([`*${args[1]}`, ...(this.tables[args[1]] ?? []), 'COMMIT'].join('\n'));
  }

  get rules(): string[] {
    return Object.values(this.tables).flat();
  }

  #restore(script: string): CommandResult {
    if (this.refusal !== null) return this.refusal;
    this.scripts.push(script);
    let table = '';
    for (const line of script.split('\n')) {
      if (line.startsWith('*')) table = line.slice(1);
      else if (line.startsWith('-I ')) this.tables[table].unshift(asListed(line));
      else if (line.startsWith('-D ')) {
        const at = this.tables[table].indexOf(line.replace('-D', '-A'));
        if (at < 0) return failed('Bad rule (does a matching rule exist in that chain?).');
        this.tables[table].splice(at, 1);
      }
    }
    return done();
  }
}

/** A line for iptables-restore in the form in which iptables-save shows it. */
export function asListed(line: string): string {
  const [, chain, protocol, side, ip, portOption, port, rest] =
    /^-I (\S+) -p (\S+) (-[ds]) (\S+) (--\S+) (\d+) (.*)$/.exec(line) ?? [];
  const local = rest.includes('addrtype') ? '-m addrtype --dst-type LOCAL ' : '';
  const target = /-j (\S+)/.exec(rest)?.[1];
  const comment = /--comment ("[^"]*")/.exec(rest)?.[1];
  const prefix = ip.includes(':') ? 128 : 32;
  return `-A ${chain} ${side} ${ip}/${prefix} -p ${protocol} -m ${protocol} ${portOption} ${port} ${local}-m comment --comment ${comment} -j ${target}`;
}

/** Sees what `look` gives, unless it is blind. */
export class FakeWatch implements RulesWatch {
  isBlind = false;
  #marked = 'nothing';
  #right = 'nothing';
  readonly #look: () => string;

  constructor(look: () => string) {
    this.#look = look;
  }

  follow(): void {}

  async mark(): Promise<void> {
    this.#marked = this.#look();
  }

  settle(): void {
    this.#right = this.#marked;
  }

  async changed(): Promise<boolean> {
    return !this.isBlind && this.#look() !== this.#right;
  }
}
