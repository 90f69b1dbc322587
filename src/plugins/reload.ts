/**
 * `reload [INTERVAL] [JITTER]`: follows the Corefile and what it imports, and puts it into force when
 * its meaning has changed (spec §5.7). Comments and white space are no change. The file system says
 * when something changes; every INTERVAL we look ourselves, in case it does not.
 */
import type { Token } from '../config/token.ts';
import { checkCount, durationMs, readDurationMs, unknownOption } from '../config/values.ts';
import { WatchedSources } from '../config/watched-sources.ts';
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
  service(options, { parts, daemon, log }) {
    // All blocks that say the same share one part; so does the configuration after this one.
    const key = `reload ${options.intervalMs} ${options.jitterMs}`;
    parts.take(key, () => new CorefileFollower(options, { daemon, log: log.forPlugin('reload') }));
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

/** Has the Corefile put into force when one of its files changes. */
class CorefileFollower implements Part {
  readonly #daemon: DaemonHooks;
  readonly #log: Log;
  readonly #sources: WatchedSources;
  /** What was last said to be in force. */
  #digest = '';
  #stopped = false;

  constructor(
    { intervalMs, jitterMs }: ReloadOptions,
    { daemon, log }: { readonly daemon: DaemonHooks; readonly log: Log },
  ) {
    this.#daemon = daemon;
    this.#log = log;
    this.#sources = new WatchedSources(
      { pollIntervalMs: intervalMs + (Math.random() - 0.5) * jitterMs },
      { onChange: () => void this.#follow() },
    );
  }

  async start(): Promise<void> {
    this.#sources.replace(this.#daemon.corefile.sources);
    this.#sayDigest();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#sources.stop();
  }

  async #follow(): Promise<void> {
    const succeeded = await this.#daemon.reloadIfChanged();
    if (this.#stopped) return;
    // It may import other files now. What was refused is tried again when one of its files changes.
    this.#sources.replace(this.#daemon.corefile.sources);
    if (succeeded) this.#sayDigest();
    else this.#log.error('Corefile changed but reload failed');
  }

  #sayDigest(): void {
    const { digest } = this.#daemon.corefile;
    if (digest === this.#digest) return;
    this.#digest = digest;
    this.#log.info(`Running configuration SHA512 = ${digest}`);
  }
}
