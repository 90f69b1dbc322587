/** Starts programs on a core of their own and reads what they cost from /proc. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** The server under test has a core for itself; what loads it and stands behind it shares another. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** Kernel ticks of /proc/PID/stat, in microseconds. */
const TICK_US = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export class Program {
  readonly pid: number;
  readonly #child: ChildProcess;
  #output = '';
  #running = true;

  constructor(
    core: number,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    // taskset replaces itself by the program, so the process id stays.
    this.#child = spawn('taskset', ['-c', `${core}`, ...command], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (this.#child.pid === undefined) throw new Error(`starting ${command[0]}`);
    this.pid = this.#child.pid;
    this.#child.once('exit', () => {
      this.#running = false;
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4000);
      });
    }
  }

  get running(): boolean {
    return this.#running;
  }

  /** The end of what it printed. */
  get output(): string {
    return this.#output;
  }

  /** User and system time so far, with that of children that have ended, in microseconds. */
  cpuUs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    // The program's name stands in parentheses and may hold spaces; utime is field 14 of proc(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return ticks * TICK_US;
  }

  /** How long its threads have run, in microseconds: exact, but without those that have ended. */
  threadsUs(): number {
    const folder = `/proc/${this.pid}/task`;
    return readdirSync(folder).reduce((sum, thread) => {
      const [nanoseconds] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ', 1);
      return sum + Number(nanoseconds) / 1000;
    }, 0);
  }

  /** Resident memory (VmRSS), in MiB. */
  memoryMib(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }
}

/** Whether a program is on the PATH. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The first line of what a program prints about its version; '' when it says none. */
export function versionOf(command: readonly string[]): string {
  const [program, ...args] = command;
  try {
    const output = execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return output.split('\n', 1)[0].trim();
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    return (stderr ?? '').split('\n', 1)[0].trim();
  }
}
