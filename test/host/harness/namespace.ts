/** Network namespaces of our own, and programs in them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, until } from './command.ts';

/** What a finished program left behind. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs in a namespace. */
export interface Running {
  readonly child: ChildProcess;
  /** What it has written so far, both streams. */
  output(): string;
  /** Its exit status, or the name of the signal that ended it. */
  readonly ended: Promise<number | string | null>;
}

export class Namespace {
  readonly name: string;
  /** A folder for files of this namespace. */
  readonly folder: string;
  readonly #children: ChildProcess[] = [];

  constructor(role: string, nameserver?: string, search = '') {
    this.name = `nld-${role}-${randomBytes(3).toString('hex')}`;
    this.folder = mkdtempSync(join(tmpdir(), `${this.name}-`));
    const options = search === '' ? '' : `search ${search}\noptions ndots:5\n`;
    if (nameserver !== undefined) this.file('resolv.conf', `nameserver ${nameserver}\n${options}`);
    run('ip', 'netns', 'add', this.name);
    this.ip('link', 'set', 'lo', 'up');
  }

  /** Writes a file into the folder and gives its path. */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Runs `ip` here; throws when it fails. */
  ip(...args: string[]): string {
    return run('ip', '-n', this.name, ...args);
  }

  /** Runs a program here; throws when it fails. */
  run(...command: string[]): string {
    return run('ip', ...this.#wrap(command));
  }

  /** Runs a program here to its end, however that is. */
  try(...command: string[]): Finished {
    const { status, stdout, stderr } = spawnSync('ip', this.#wrap(command), {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { status, stdout, stderr };
  }

  /**
   * Runs a program here that looks neither at /etc/resolv.conf nor at /sys: those stay the machine's,
   * which saves most of the time. Throws when it fails.
   */
  runQuickly(...command: string[]): string {
    return run('nsenter', this.#netOption, ...command);
  }

  /** The same, whatever comes of it. */
  tryQuickly(...command: string[]): Finished {
    return spawnSync('nsenter', [this.#netOption, ...command], {
      encoding: 'utf8',
      timeout: 20_000,
    });
  }

  get #netOption(): string {
    return `--net=/run/netns/${this.name}`;
  }

  /** Starts a program here. It is ended with the namespace at the latest. */
  start(command: string[], environment: Record<string, string> = {}): Running {
    const child = spawn('ip', this.#wrap(command), {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const ended = new Promise<number | string | null>((resolve) => {
      child.on('close', (code, signal) => resolve(code ?? signal));
    });
    return { child, output: () => output, ended };
  }

  /** Ends what runs here and removes the namespace. */
  async destroy(): Promise<void> {
    for (const child of this.#children) child.kill('SIGCONT');
    for (const child of this.#children) child.kill('SIGKILL');
    const pids = () => spawnSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' }).stdout;
    for (const pid of pids().split('\n').filter(Boolean)) tryKill(Number(pid));
    await until(`the end of all in ${this.name}`, () => pids() === '', 5000).catch(() => {});
    spawnSync('ip', ['netns', 'del', this.name]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** `ip netns exec`, with the namespace's own /etc/resolv.conf where it has one. */
  #wrap(command: string[]): string[] {
    const resolver = join(this.folder, 'resolv.conf');
    const script = `[ ! -e ${resolver} ] || mount --bind ${resolver} /etc/resolv.conf; exec "$@"`;
    return ['netns', 'exec', this.name, 'sh', '-c', script, 'sh', ...command];
  }
}

/** Joins two namespaces with a cable; the ends have these names and addresses (with prefix). */
export function connect(
  [a, aName, aAddresses]: readonly [Namespace, string, readonly string[]],
  [b, bName, bAddresses]: readonly [Namespace, string, readonly string[]],
): void {
  run('ip', 'link', 'add', aName, 'netns', a.name, 'type', 'veth', 'peer', bName, 'netns', b.name);
  for (const [end, name, addresses] of [
    [a, aName, aAddresses],
    [b, bName, bAddresses],
  ] as const) {
    for (const address of addresses) {
      const flags = address.includes(':') ? ['nodad'] : [];
      end.ip('addr', 'add', address, 'dev', name, ...flags);
    }
    end.ip('link', 'set', name, 'up');
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
