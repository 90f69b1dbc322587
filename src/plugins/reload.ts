/**
 * `reload [INTERVAL] [JITTER]`: reads the Corefile from time to time and puts it into force when its
 * meaning has changed (spec §5.7). Comments and white space are no change.
 */
import { readFile } from 'node:fs/promises';
import { corefileDigest } from '../config/digest.ts';
import { parseCorefile } from '../config/parser.ts';
import type { Token } from '../config/token.ts';
import { checkCount, durationMs, readDurationMs, unknownOption } from '../config/values.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { DaemonHooks, Directive, Part } from './directive.ts';

/** 24 days: the longest delay that a timer takes. */
const MAX_MS = 0x7fff_ffff;
const INTERVAL_MS = { default: 30_000, min: 2000, max: MAX_MS / 2 };
/** Or zero. */
const JITTER_MS = { default: 15_000, min: 1000, max: MAX_MS };

export interface ReloadOptions {
  readonly intervalMs: number;
  /** The interval varies by half of this to either side; 0: not at all. */
  readonly jitterMs: number;
}

export const reload: Directive<ReloadOptions> = {
  name: 'reload',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 2 });
    if (lines.length > 0) throw unknownOption('reload', lines[0].words[0]);
    const [interval, jitter] = args;
    const intervalMs =
      interval === undefined ? INTERVAL_MS.default : readDurationMs(interval, INTERVAL_MS);
    const jitterMs = jitter === undefined ? JITTER_MS.default : readJitterMs(jitter);
    return Object.freeze({ intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) });
  },
  service(options, { parts, daemon, catalogue, log }) {
    const modules = { daemon, counters: reloadCounters(catalogue), log: log.forPlugin('reload') };
    // All blocks that say the same share one watch; so does the configuration after this one.
    const key = `reload ${options.intervalMs} ${options.jitterMs}`;
    parts.take(key, () => new CorefilePoll(options, modules));
  },
};

/** What coredns_reload_* show. */
export class ReloadCounters {
  /** Reloads that were refused, whoever asked for them: the daemon counts. */
  failed = 0;
  /** SHA-512 of the configuration in force; '' before it is known. */
  digest = '';
}

/** The counters of this process. */
export function reloadCounters(catalogue: Catalogue): ReloadCounters {
  return catalogue.lasting('reload', () => {
    const counters = new ReloadCounters();
    catalogue.source('coredns_reload_failed_total', (emit) => emit({}, counters.failed));
    catalogue.source('coredns_reload_version_info', (emit) => {
      if (counters.digest !== '') emit({ hash: 'sha512', value: counters.digest }, 1);
    });
    return counters;
  });
}

function readJitterMs(word: Token): number {
  return durationMs(word.text) === 0 ? 0 : readDurationMs(word, JITTER_MS);
}

interface PollModules {
  readonly daemon: DaemonHooks;
  readonly counters: ReloadCounters;
  readonly log: Log;
}

/** Looks at the Corefile and what it imports, from time to time. */
class CorefilePoll implements Part {
  readonly #options: ReloadOptions;
  readonly #modules: PollModules;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** What was last read: a Corefile that is refused is not tried again until it changes. */
  #digest = '';
  /** The text in force at that time. */
  #textInForce = '';

  constructor(options: ReloadOptions, modules: PollModules) {
    this.#options = options;
    this.#modules = modules;
  }

  async start(): Promise<void> {
    const { daemon, counters, log } = this.#modules;
    const read = await this.#read();
    this.#textInForce = daemon.corefile.text;
    if (read !== null) {
      this.#digest = read.digest;
      counters.digest = read.digest;
      log.info(`Running configuration SHA512 = ${read.digest}`);
    }
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#stopped) return;
    const { intervalMs, jitterMs } = this.#options;
    const delayMs = intervalMs + (Math.random() - 0.5) * jitterMs;
    this.#timer = setTimeout(() => void this.#poll(), delayMs).unref();
  }

  async #poll(): Promise<void> {
    const read = await this.#read();
    if (read !== null && read.digest !== this.#digest && !this.#stopped) await this.#reload(read);
    this.#schedule();
  }

  async #reload({ digest, text }: ReadCorefile): Promise<void> {
    const { daemon, counters, log } = this.#modules;
    const inForce = daemon.corefile.text;
    const alreadyReloaded = text === inForce && inForce !== this.#textInForce;
    this.#digest = digest;
    const succeeded = alreadyReloaded || (await daemon.reload());
    this.#textInForce = daemon.corefile.text;
    if (succeeded) {
      counters.digest = digest;
      log.info(`Running configuration SHA512 = ${digest}`);
    } else {
      log.error('Corefile changed but reload failed');
    }
  }

  /** The Corefile as it is on disk; null, with a warning, when it cannot be understood. */
  async #read(): Promise<ReadCorefile | null> {
    const { path } = this.#modules.daemon.corefile;
    try {
      const text = await readFile(path, 'utf8');
      const { blocks } = parseCorefile({ text, path, env: process.env });
      return { digest: corefileDigest(blocks), text };
    } catch (error) {
      this.#modules.log.warning(`reading the Corefile: ${String(error)}`);
      return null;
    }
  }
}

/** A Corefile as read for comparison. */
interface ReadCorefile {
  readonly digest: string;
  readonly text: string;
}
