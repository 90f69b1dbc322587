/** The file that `hosts` reads: read at the start, and again whenever it has changed. */
import { readFileSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { PathWatch } from '../config/watch.ts';
import type { Log } from '../log/log.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import type { Part } from './directive.ts';
import { HostsTable, type HostsTableOptions } from './hosts-table.ts';

/** A larger file, once read, would take more memory than all else here. */
const MAX_FILE_OCTETS = 16 * 1024 * 1024;
/** Characters, and then the rest of a line, that are understood in one go: a few milliseconds' worth. */
const PIECE_LENGTH = 65_536;
/** From the first event of the file system to reading. */
const DEBOUNCE_MS = 200;

export interface HostsFileOptions extends HostsTableOptions {
  readonly path: string;
  /** Lines of the Corefile, in the form of the file. BOUNDED by the Corefile. */
  readonly inline: readonly string[];
  /** How often to look at the file if no event tells of a change; 0: never look again. */
  readonly reloadMs: number;
}

export interface HostsFileModules {
  readonly log: Log;
  readonly catalogue: Catalogue;
}

export class HostsFile implements Part {
  readonly #options: HostsFileOptions;
  readonly #modules: HostsFileModules;
  readonly #watch: PathWatch | null;
  #table: HostsTable;
  /** The table that is being filled, or was filled last. */
  #newest: HostsTable;
  #removeSource: () => void = () => {};

  constructor(options: HostsFileOptions, modules: HostsFileModules) {
    const { path, reloadMs } = options;
    this.#options = options;
    this.#modules = modules;
    this.#table = new HostsTable(options);
    this.#newest = this.#table;
    this.#watch =
      reloadMs === 0
        ? null
        : new PathWatch(
            { path, kind: 'file', pollIntervalMs: reloadMs, debounceMs: DEBOUNCE_MS },
            { onChange: () => void this.read() },
          );
  }

  /** The entries of the file and the Corefile. Another one after each change. */
  get table(): HostsTable {
    return this.#table;
  }

  async start(): Promise<void> {
    const { catalogue } = this.#modules;
    const { path, inline } = this.#options;
    for (const line of inline) this.#checkInline(line);
    // Before it is read: what changes while it is read is seen.
    this.#watch?.start();
    await this.read();
    this.#removeSource = catalogue.source('coredns_hosts_entries', (emit) =>
      emit({ hostsfile: path }, this.#table.entryCount),
    );
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
    this.#removeSource();
  }

  /**
   * Reads the file. Without one, the lines of the Corefile are all there is. Queries are answered in
   * between, from the table before, so that a long list holds up nobody. Never rejects.
   */
  async read(): Promise<void> {
    const table = new HostsTable(this.#options);
    const text = this.#readText();
    if (text === null) return;
    this.#newest = table;
    for (const piece of linesInPieces(text)) {
      table.add(piece);
      await setImmediate();
      // The file has changed again, and that is being read.
      if (this.#newest !== table) return;
    }
    table.add(this.#options.inline.join('\n'));
    this.#table = table;
    this.#modules.log.debug(`Parsed hosts file into ${table.entryCount} entries`);
  }

  /** The text of the file, '' when there is none; null when it cannot be read and the old one stays. */
  #readText(): string | null {
    const { path } = this.#options;
    const { log, catalogue } = this.#modules;
    try {
      const stat = statSync(path);
      if (stat.isDirectory()) {
        log.warning(`Hosts file "${path}" is a directory`);
        return '';
      }
      if (stat.size > MAX_FILE_OCTETS) {
        log.error(`hosts file "${path}" has ${stat.size} octets, at most ${MAX_FILE_OCTETS}`);
        return null;
      }
      const text = readFileSync(path, 'utf8');
      hostsClock(catalogue).lastChangeMs = stat.mtimeMs;
      return text;
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      log.warning(isMissing ? `File does not exist: ${path}` : `reading "${path}": ${error}`);
      return isMissing ? '' : null;
    }
  }

  /** The original takes any line for an entry; a misspelled option should not stay unseen. */
  #checkInline(line: string): void {
    const table = new HostsTable({ concerns: () => true, reverse: false });
    table.add(line);
    if (table.entryCount === 0) {
      this.#modules.log.warning(`"${line}" is neither an option nor an address with names`);
    }
  }
}

/** `text`, cut at ends of lines. */
function* linesInPieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const lineEnd = text.indexOf('\n', at + PIECE_LENGTH);
    const end = lineEnd < 0 ? text.length : lineEnd + 1;
    yield text.slice(at, end);
    at = end;
  }
}

/** When the file that was read last was changed. */
export interface HostsClock {
  /** Since 1970; 0 before a file was read. */
  lastChangeMs: number;
}

/** Of the process, shown in the metrics. */
export function hostsClock(catalogue: Catalogue): HostsClock {
  return catalogue.lasting('hosts', () => {
    const clock = { lastChangeMs: 0 };
    catalogue.source('coredns_hosts_reload_timestamp_seconds', (emit) =>
      emit({}, clock.lastChangeMs / 1000),
    );
    return clock;
  });
}
