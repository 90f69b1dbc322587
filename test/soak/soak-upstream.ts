/** The upstream of a soak: a process that is killed and started again on the same port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { NODE } from '../helpers/daemon-process.ts';
import { freePort } from '../helpers/free-port.ts';
import type { SoakNetwork } from './soak-network.ts';

const SCRIPT = new URL('../hostile/harness/quick-upstream.ts', import.meta.url).pathname;
const AWAY_MS = 1500;

export class SoakUpstream {
  readonly port: number;
  readonly #network: SoakNetwork;
  #child: ChildProcess;

  static async start(network: SoakNetwork): Promise<SoakUpstream> {
    const port = await freePort();
    return new SoakUpstream(port, network, await run(port, network));
  }

  constructor(port: number, network: SoakNetwork, child: ChildProcess) {
    this.port = port;
    this.#network = network;
    this.#child = child;
  }

  /** `10.99.0.2:53`. */
  get target(): string {
    return `${this.#network.upstreamAddress}:${this.port}`;
  }

  async restart(): Promise<void> {
    this.stop();
    await sleep(AWAY_MS);
    this.#child = await run(this.port, this.#network);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

async function run(port: number, network: SoakNetwork): Promise<ChildProcess> {
  const command = [...network.onUpstream, NODE, SCRIPT, `${port}`, network.upstreamAddress];
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
