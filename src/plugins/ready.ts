/**
 * `ready [ADDRESS] { monitor until-ready|continuously }`: answers `OK` at http://ADDRESS/ready once
 * the daemon answers queries; until then, and again when it is about to end, status 503 with the
 * names of what is missing. Whoever has seen it ready is not bothered again, unless `continuously`.
 */
import { CorefileError } from '../config/corefile-error.ts';
import { type ListenAddress, readListenAddress } from '../config/listen-address.ts';
import type { OptionLine } from '../config/token.ts';
import { checkCount, unknownOption } from '../config/values.ts';
import { HttpServer, sendText } from '../metrics/http-server.ts';
import type { DaemonHooks, Directive, Part } from './directive.ts';

export interface ReadyOptions {
  readonly address: ListenAddress;
  /** Whether to look again after it has been ready once. */
  readonly continuously: boolean;
}

const DEFAULT_ADDRESS: ListenAddress = { host: '', port: 8181, text: ':8181' };

export const ready: Directive<ReadyOptions> = {
  name: 'ready',
  repeatable: false,

  parse([use]) {
    checkCount(use.name, use.args, { min: 0, max: 1 });
    const address = use.args.length === 0 ? DEFAULT_ADDRESS : readListenAddress(use.args[0]);
    let continuously = false;
    for (const line of use.lines) continuously = readMonitor(line);
    return Object.freeze({ address, continuously });
  },

  service(options, { parts, daemon }) {
    parts.take(
      `ready ${options.address.text} ${options.continuously}`,
      () => new Readiness(options, daemon),
    );
  },
};

/** True for `monitor continuously`. */
function readMonitor({ words: [name, ...args] }: OptionLine): boolean {
  if (name.text !== 'monitor') throw unknownOption('ready', name);
  checkCount(name, args, { min: 1, max: 1 });
  if (args[0].text === 'continuously') return true;
  if (args[0].text === 'until-ready') return false;
  throw new CorefileError(
    'argument-value',
    `"${args[0].text}" is neither until-ready nor continuously`,
    args[0],
  );
}

class Readiness implements Part {
  readonly #continuously: boolean;
  readonly #daemon: DaemonHooks;
  readonly #server: HttpServer;
  #wasReady = false;
  #ending = false;

  constructor({ address: { host, port }, continuously }: ReadyOptions, daemon: DaemonHooks) {
    this.#continuously = continuously;
    this.#daemon = daemon;
    this.#server = new HttpServer(
      { purpose: 'ready', host, port, bindEarly: daemon.bindEarly?.bind(daemon) },
      new Map([
        [
          '/ready',
          (_, response) => {
            const missing = this.#missing();
            sendText(response, missing === '' ? 200 : 503, missing === '' ? 'OK' : missing);
          },
        ],
      ]),
    );
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  async beforeShutdown(): Promise<void> {
    this.#ending = true;
  }

  #missing(): string {
    if (this.#ending) return 'shutting down';
    if (this.#wasReady && !this.#continuously) return '';
    const missing = (this.#daemon.unready?.() ?? []).join(',');
    if (missing === '') this.#wasReady = true;
    return missing;
  }
}
