/**
 * Log lines in CoreDNS' form: `[INFO] plugin/reload: text` on standard output, without timestamps
 * (the container runtime adds them; spec §5.13).
 */

type Level = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'FATAL';

/** Where finished lines go; a test passes an array's push. */
export type LineSink = (line: string) => void;

/** State shared by a log and all logs made from it. */
interface LogRoot {
  sink: LineSink;
  debugEnabled: boolean;
}

export class Log {
  readonly #root: LogRoot;
  readonly #prefix: string;

  constructor(sink: LineSink, prefix = '', root: LogRoot = { sink, debugEnabled: false }) {
    this.#root = root;
    this.#prefix = prefix;
  }

  /** A log whose lines start with `plugin/<name>: `. */
  forPlugin(name: string): Log {
    return new Log(this.#root.sink, `plugin/${name}: `, this.#root);
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
    this.#root.sink(text);
  }

  #write(level: Level, text: string): void {
    this.#root.sink(`[${level}] ${this.#prefix}${text}`);
  }
}
