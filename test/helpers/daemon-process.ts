/** Runs the built daemon as a process of its own, the way a node does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const root = new URL('../..', import.meta.url).pathname;

/** The bundle that `npm run build` makes, or another one to test. */
export const BUNDLE = process.env.NODELOCALDNS_BUNDLE ?? `${root}dist/nodelocaldns.js`;
/** The pinned runtime: the system's own Node may be too old. */
export const NODE = `${root}node_modules/.bin/node`;

/** How a process ended. */
export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it finds on standard input; without it there is none. */
  readonly input?: string;
  /** Another bundle than the built one. */
  readonly bundle?: string;
}

export class DaemonProcess {
  /** Both kinds of output, in the order in which they came. */
  output = '';
  stdout = '';
  stderr = '';
  /** null while it runs. */
  exit: Exit | null = null;
  readonly child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(
    flags: readonly string[],
    { cwd = root, env = {}, input, bundle = BUNDLE }: RunOptions = {},
  ) {
    this.child = spawn(NODE, [bundle, ...flags], {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    this.child.stdin?.end(input);
    for (const stream of ['stdout', 'stderr'] as const) {
      this.child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        this[stream] += text;
        this.output += text;
      });
    }
    this.child.once('exit', (status, signal) => {
      this.exit = { status, signal };
    });
    // `close` comes after the last output was read.
    this.#ended = once(this.child, 'close');
  }

  /** Resolves when a TCP connection to a port of 127.0.0.1 is taken. */
  async untilListening(port: number, waitMs = 30_000): Promise<void> {
    await this.#until(() => isTaken(port), `no listener on port ${port}`, waitMs);
    if (this.exit !== null) throw new Error(`ended without listening: ${this.output}`);
  }

  /** Resolves when the output holds `text`. Rejects with the output when it does not in time. */
  async untilOutput(text: string, waitMs = 30_000): Promise<void> {
    await this.#until(async () => this.output.includes(text), `no "${text}"`, waitMs);
    if (!this.output.includes(text)) throw new Error(`ended without "${text}":\n${this.output}`);
  }

  /** Resolves when the process has ended by itself. */
  async untilExit(waitMs = 30_000): Promise<Exit> {
    await this.#until(async () => false, 'still running', waitMs);
    await this.#ended;
    return this.exit ?? { status: null, signal: null };
  }

  /** Ends the process, by force when it takes longer than `waitMs`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', waitMs = 30_000): Promise<Exit> {
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), waitMs);
    await this.#ended;
    clearTimeout(timer);
    return this.exit ?? { status: null, signal: null };
  }

  async #until(isSo: () => Promise<boolean>, complaint: string, waitMs: number): Promise<void> {
    const giveUpAt = performance.now() + waitMs;
    while (this.exit === null && !(await isSo())) {
      if (performance.now() > giveUpAt) throw new Error(`${complaint}:\n${this.output}`);
      await sleep(20);
    }
  }
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
