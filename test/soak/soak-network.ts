/**
 * A network of the soak's own: the node, where this process, the daemon and the clients are, and
 * behind a veth pair the machine of the upstream. As root only; else all is on 127.0.0.1.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const UPSTREAM_ADDRESS = '10.99.0.2';
const NODE_ADDRESS = '10.99.0.1';
/** The node's end of the pair. */
const UPLINK = 'soak-up';
const ENTERED = 'SOAK_NETWORK';
/** How long a link is down. */
const DOWN_MS = 1500;

/** Runs this program again in a network of its own, to its end; false where it runs in one, or cannot. */
export function runInOwnNetwork(): boolean {
  if (process.getuid?.() !== 0 || process.env[ENTERED] !== undefined) return false;
  const args = ['--net', process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, [ENTERED]: '1' };
  const { status } = spawnSync('unshare', args, { stdio: 'inherit', env });
  process.exitCode = status ?? 1;
  return true;
}

export class SoakNetwork {
  /** Where the upstream listens. */
  readonly upstreamAddress: string;
  /** Runs a command on the upstream's machine. */
  readonly onUpstream: readonly string[];
  /** Whether there are links to take down. */
  readonly hasLinks: boolean;
  readonly #holder: ChildProcess | null;

  static async lay(): Promise<SoakNetwork> {
    if (process.env[ENTERED] === undefined) return new SoakNetwork(null);
    const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
    process.once('exit', () => holder.kill('SIGKILL'));
    const network = new SoakNetwork(holder);
    run('ip', 'link', 'set', 'lo', 'up');
    // Until the holder has a network of its own the peer would stay here.
    await sleep(500);
    const peer = ['peer', 'name', 'eth0', 'netns', `${holder.pid}`];
    run('ip', 'link', 'add', UPLINK, 'type', 'veth', ...peer);
    run('ip', 'address', 'add', `${NODE_ADDRESS}/24`, 'dev', UPLINK);
    run('ip', 'link', 'set', UPLINK, 'up');
    const there = ['lo', 'eth0'].map((link) => `ip link set ${link} up`).join(' && ');
    const address = `ip address add ${UPSTREAM_ADDRESS}/24 dev eth0`;
    run(...network.onUpstream, 'sh', '-c', `${address} && ${there}`);
    return network;
  }

  constructor(holder: ChildProcess | null) {
    this.#holder = holder;
    this.hasLinks = holder !== null;
    this.upstreamAddress = holder === null ? '127.0.0.1' : UPSTREAM_ADDRESS;
    this.onUpstream = holder === null ? [] : ['nsenter', '-t', `${holder.pid}`, '-n'];
  }

  /** Takes the way to the upstream down for a while. */
  flapUplink(): Promise<void> {
    return this.#flap(UPLINK);
  }

  /** The same with the daemon's own interface. */
  flapInterface(name: string): Promise<void> {
    return this.#flap(name);
  }

  close(): void {
    this.#holder?.kill('SIGKILL');
  }

  async #flap(link: string): Promise<void> {
    run('ip', 'link', 'set', link, 'down');
    await sleep(DOWN_MS);
    run('ip', 'link', 'set', link, 'up');
  }
}

function run(...command: readonly string[]): void {
  const [program, ...args] = command;
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}
