/**
 * Log lines in CoreDNS' form: `[INFO] plugin/reload: text` on standard output, without timestamps
 * (the container runtime adds them; spec §5.13).
 */

type Level = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'FATAL';

/** What a line is made of. */
export interface LogEntry {
  /** Null for a line without one. */
  readonly level: Level | null;
  /** Whose line it is; '' for the daemon's own. */
  readonly plugin: string;
  readonly text: string;
}

/** Where finished lines go, with what they were made of. */
export type LineSink = (line: string, entry: LogEntry) => void;

/** State shared by a log and all logs made from it. */
interface LogRoot {
  sink: LineSink;
  debugEnabled: boolean;
}

export class Log {
  readonly #root: LogRoot;
  readonly #plugin: string;

  constructor(sink: LineSink, plugin = '', root: LogRoot = { sink, debugEnabled: false }) {
    this.#root = root;
    this.#plugin = plugin;
  }

  /** A log whose lines start with `plugin/<name>: `. */
  forPlugin(name: string): Log {
    return new Log(this.#root.sink, name, this.#root);
  }

  /** The `debug` directive turns debug lines on for the whole process. */
  set debugEnabled(enabled: boolean) {
    this.#root.debugEnabled = enabled;
  }

  get debugEnabled(): boolean {
    return this.#root.debugEnabled;
  }

  debug(text: string): void {
    if (this.#root.debugEnabled) this.#write('DEBUG', text);
  }

  info(text: string): void {
    this.#write('INFO', text);
  }

  warning(text: string): void {
    this.#write('WARNING', text);
  }

  error(text: string): void {
    this.#write('ERROR', text);
  }

  fatal(text: string): void {
    this.#write('FATAL', text);
  }

  /** A line as it is, without level: the banner and the zone list. */
  plain(text: string): void {
    this.#root.sink(text, { level: null, plugin: this.#plugin, text });
  }

  #write(level: Level, text: string): void {
    const plugin = this.#plugin;
    const prefix = plugin === '' ? '' : `plugin/${plugin}: `;
    this.#root.sink(`[${level}] ${prefix}${text}`, { level, plugin, text });
  }
}
