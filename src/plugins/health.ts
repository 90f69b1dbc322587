/**
 * `health [ADDRESS] { lameduck DURATION }`: answers `OK` at http://ADDRESS/health for as long as
 * the process runs, also while it is a lame duck (spec §5.6). Kubelet's liveness probe asks there.
 * `read`, `write` and `idle` set the timeouts of the HTTP listener.
 */
import { type ListenAddress, readListenAddress } from '../config/listen-address.ts';
import type { OptionLine } from '../config/token.ts';
import { checkCount, goDuration, readDurationMs, unknownOption } from '../config/values.ts';
import type { Log } from '../log/log.ts';
import { HttpServer, sendText } from '../metrics/http-server.ts';
import type { Directive, Part } from './directive.ts';
import { HealthProbe, healthCounts } from './health-probe.ts';

export interface HealthOptions {
  readonly address: ListenAddress;
  /** How long to go on answering everything after the wish to stop. */
  readonly lameduckMs: number;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

const DEFAULT_ADDRESS: ListenAddress = { host: '', port: 8080, text: ':8080' };
const LAMEDUCK = { min: 0, max: 3_600_000 } as const;
const TIMEOUT = { default: 5000, min: 1000, max: 24 * 3_600_000 } as const;

export const health: Directive<HealthOptions> = {
  name: 'health',
  repeatable: false,

  parse([use]) {
    checkCount(use.name, use.args, { min: 0, max: 1 });
    const options = {
      address: use.args.length === 0 ? DEFAULT_ADDRESS : readListenAddress(use.args[0]),
      lameduckMs: 0,
      readTimeoutMs: TIMEOUT.default,
      writeTimeoutMs: TIMEOUT.default,
      idleTimeoutMs: TIMEOUT.default,
    };
    for (const line of use.lines) readOption(line, options);
    return Object.freeze(options);
  },

  service(options, { parts, catalogue, clock, daemon, log: rootLog }) {
    const log = rootLog.forPlugin('health');
    const { address, lameduckMs, ...timeouts } = options;
    parts.take(`health ${address.text} ${JSON.stringify(timeouts)}`, () => {
      const { host, port } = address;
      const server = new HttpServer(
        { purpose: 'health', host, port, bindEarly: daemon.bindEarly?.bind(daemon), ...timeouts },
        new Map([['/health', (_, response) => sendText(response, 200, 'OK')]]),
      );
      const counts = healthCounts(catalogue);
      return new Health(server, new HealthProbe({ address }, { counts, clock, log }));
    });
    if (lameduckMs > 0) {
      parts.take(`health-lameduck ${lameduckMs}`, () => new Lameduck(lameduckMs, log));
    }
  },
};

/** Changes `options` as the line says. */
function readOption(
  { words: [name, ...args] }: OptionLine,
  options: { -readonly [Name in keyof HealthOptions]: HealthOptions[Name] },
): void {
  const readOne = (bounds: { min: number; max: number }) => {
    checkCount(name, args, { min: 1, max: 1 });
    return readDurationMs(args[0], bounds);
  };
  if (name.text === 'lameduck') options.lameduckMs = readOne(LAMEDUCK);
  else if (name.text === 'read') options.readTimeoutMs = readOne(TIMEOUT);
  else if (name.text === 'write') options.writeTimeoutMs = readOne(TIMEOUT);
  else if (name.text === 'idle') options.idleTimeoutMs = readOne(TIMEOUT);
  else throw unknownOption('health', name);
}

/** The listener and the probe that asks it. */
class Health implements Part {
  readonly #server: HttpServer;
  readonly #probe: HealthProbe;

  constructor(server: HttpServer, probe: HealthProbe) {
    this.#server = server;
    this.#probe = probe;
  }

  async start(): Promise<void> {
    await this.#server.start();
    this.#probe.start(this.#server.port);
  }

  async stop(): Promise<void> {
    this.#probe.stop();
    await this.#server.stop();
  }
}

/** Holds up the end, so that whoever watches `/health` or the pod can turn away from it first. */
class Lameduck implements Part {
  readonly #durationMs: number;
  readonly #log: Log;

  constructor(durationMs: number, log: Log) {
    this.#durationMs = durationMs;
    this.#log = log;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async beforeShutdown(): Promise<void> {
    this.#log.info(`Going into lameduck mode for ${goDuration(this.#durationMs)}`);
    await new Promise((resolve) => setTimeout(resolve, this.#durationMs));
  }
}
