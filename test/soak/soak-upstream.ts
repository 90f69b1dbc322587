/** The upstream of a soak: a process that is killed and started again on the same port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { NODE } from '../helpers/daemon-process.ts';
import { freePort } from '../helpers/free-port.ts';

const SCRIPT = new URL('../hostile/harness/quick-upstream.ts', import.meta.url).pathname;
const AWAY_MS = 1500;

export class SoakUpstream {
  readonly port: number;
  #child: ChildProcess;

  static async start(): Promise<SoakUpstream> {
    const port = await freePort();
    return new SoakUpstream(port, await run(port));
  }

  constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  async restart(): Promise<void> {
    this.stop();
    await sleep(AWAY_MS);
    this.#child = await run(this.port);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

async function run(port: number): Promise<ChildProcess> {
  const child = spawn(NODE, [SCRIPT, `${port}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
