/** The daemon under soak, one process after the other on the same port. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import packet from 'dns-packet';
import { DaemonProcess } from '../helpers/daemon-process.ts';
import { frame, readFrames } from '../helpers/framing.ts';
import { freePort } from '../helpers/free-port.ts';
import type { Steady } from '../hostile/harness/steady-client.ts';
import { readVitals, type Vitals } from './vitals.ts';

/** What the daemon makes where it may. */
export const INTERFACE = 'soaked';
export const LOCAL_IP = '169.254.20.10';

/** A loaded machine takes its time. */
const START_WAIT_MS = 60_000;

/** What all instances share. */
interface Place {
  readonly folder: string;
  readonly port: number;
  readonly metricsPort: number;
  /** Address and port of the upstream. */
  readonly upstream: string;
  /** Whether the daemon makes an interface, with LOCAL_IP. */
  readonly hasInterface: boolean;
}

export class SoakedDaemon {
  readonly #place: Place;
  readonly #process: DaemonProcess;
  #reloads = 0;

  static async start(upstream: string, hasInterface: boolean): Promise<SoakedDaemon> {
    const folder = mkdtempSync(join(tmpdir(), 'nodelocaldns-soak-'));
    const ports = { port: await freePort(), metricsPort: await freePort() };
    const place = { folder, upstream, hasInterface, ...ports };
    writeCorefile(place, 0);
    const process = run(place);
    await process.untilListening(place.port, START_WAIT_MS);
    return new SoakedDaemon(place, process);
  }

  constructor(place: Place, process: DaemonProcess) {
    this.#place = place;
    this.#process = process;
  }

  get port(): number {
    return this.#place.port;
  }

  /** Puts a Corefile into force that differs a little. */
  async reload(): Promise<void> {
    writeCorefile(this.#place, ++this.#reloads);
    this.#process.child.kill('SIGUSR1');
  }

  /** Starts a successor beside this one, which is then told to end. */
  async takeOver(): Promise<SoakedDaemon> {
    const successor = run(this.#place);
    await successor.untilOutput('linux/', START_WAIT_MS);
    await this.#process.stop();
    return new SoakedDaemon(this.#place, successor);
  }

  async vitals(): Promise<Vitals> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#place.metricsPort}/metrics`, {
        headers: { connection: 'close' },
      });
      return readVitals(await response.text());
    } catch (cause) {
      const exit = JSON.stringify(this.#process.exit);
      throw new Error(`no metrics, exit ${exit}:\n${this.#process.output}`, { cause });
    }
  }

  /** Asks over one short connection after the other. */
  async askOverTcp(seconds: number): Promise<Steady> {
    const endAt = performance.now() + seconds * 1000;
    const latenciesMs: number[] = [];
    const rcodes: Record<string, number> = {};
    let lost = 0;
    while (performance.now() < endAt) {
      const startedAt = performance.now();
      const rcode = await askOnce(this.port, `n${lost + latenciesMs.length}.test`);
      if (rcode < 0) lost++;
      else {
        latenciesMs.push(performance.now() - startedAt);
        rcodes[rcode] = (rcodes[rcode] ?? 0) + 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { latenciesMs: latenciesMs.toSorted((a, b) => a - b), lost, rcodes };
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#place.folder, { recursive: true });
  }
}

function run({ folder, port, metricsPort, hasInterface }: Place): DaemonProcess {
  const corefile = join(folder, 'Corefile');
  const daemon = new DaemonProcess(
    [
      ...['-conf', corefile, '-basecorefile', join(folder, 'none')],
      ...['-localip', hasInterface ? LOCAL_IP : '127.0.0.1', '-interfacename', INTERFACE],
      ...['-dns.port', `${port}`, `-setupinterface=${hasInterface}`, '-setupiptables=false'],
      ...['-metrics-listen-address', `127.0.0.1:${metricsPort}`],
    ],
    { cwd: folder },
  );
  process.once('exit', () => daemon.child.kill('SIGKILL'));
  return daemon;
}

function writeCorefile(place: Place, variant: number): void {
  const { folder, port, upstream, hasInterface } = place;
  const block = (zone: string, options: string) => `${zone}:${port} {
    bind 127.0.0.1${hasInterface ? ` ${LOCAL_IP}` : ''}
    errors
    cache {
        success 9984 ${30 + (variant % 2)}
        denial 9984 5
        ${options}
    }
    forward . ${upstream} {
        ${zone === '.' ? 'prefer_udp' : ''}
    }
    reload
}
`;
  const text =
    block('cluster.local', 'nxdomain_cut') + block('.', 'serve_stale 1h\nprefetch 3\nguard 30s');
  writeFileSync(join(folder, 'Corefile'), text);
}

/** The response code; −1 when none comes in time. */
async function askOnce(port: number, name: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const query = { type: 'query', id: 1, flags: packet.RECURSION_DESIRED } as const;
  const rcode = new Promise<number>((resolve) => {
    readFrames(socket, (reply) => resolve(reply[3] & 15));
    socket.on('close', () => resolve(-1));
    setTimeout(resolve, 5000, -1).unref();
  });
  socket.write(frame(packet.encode({ ...query, questions: [{ name, type: 'A' }] })));
  const result = await rcode;
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
  return result;
}
