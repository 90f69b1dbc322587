/**
 * What becomes of log lines: text or JSON, complaints that repeat themselves counted instead of
 * written, the last complaints kept for those who look.
 */
import type { LineSink, LogEntry } from './log.ts';

export interface OutputModules {
  /** Writes one line, without its end. */
  readonly write: (line: string) => void;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** A complaint, and how often it was made. */
export interface Complaint {
  readonly entry: LogEntry;
  /** Unix time in milliseconds when it was last made. */
  readonly atMs: number;
  readonly times: number;
}

/** A complaint that was written: while it is watched, repetitions of it are only counted. */
interface Watched {
  entry: LogEntry;
  /** When the counting began. */
  sinceMs: number;
  repeated: number;
}

/** How long repetitions are counted before they are summed up in a line. */
const WINDOW_MS = 30_000;
/** More different complaints than these are written as they come. */
const MAX_WATCHED = 256;
const MAX_KEPT = 50;
const TICK_MS = 1000;

export class LogOutput {
  format: 'text' | 'json' = 'text';
  readonly #modules: OutputModules;
  /** By what they say. BOUNDED by MAX_WATCHED. */
  readonly #watched = new Map<string, Watched>();
  /** By what they say, the oldest first. BOUNDED by MAX_KEPT. */
  readonly #kept = new Map<string, Complaint>();
  #timer: NodeJS.Timeout | null = null;

  constructor(modules: OutputModules) {
    this.#modules = modules;
  }

  /** Takes what a Log writes. */
  readonly sink: LineSink = (line, entry) => {
    const isComplaint = entry.level === 'WARNING' || entry.level === 'ERROR';
    if (!isComplaint || this.#isNews(entry)) this.#write(line, entry);
  };

  /** The last complaints, the latest first. */
  get complaints(): readonly Complaint[] {
    return [...this.#kept.values()].reverse();
  }

  /** Sums up what has been counted long enough. A timer does this; tests do it themselves. */
  tick(): void {
    const nowMs = this.#modules.now();
    for (const [key, watched] of this.#watched) {
      if (nowMs - watched.sinceMs < WINDOW_MS) continue;
      const wasQuiet = watched.repeated === 0;
      this.#sumUp(watched, nowMs);
      if (wasQuiet) this.#watched.delete(key);
    }
    if (this.#watched.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Sums up all that was counted: the process is about to end. */
  flush(): void {
    for (const watched of this.#watched.values()) this.#sumUp(watched, this.#modules.now());
    this.#watched.clear();
  }

  /** Whether a complaint is to be written; if not, it is counted. */
  #isNews(entry: LogEntry): boolean {
    const key = `${entry.level} ${entry.plugin} ${withoutDurations(entry.text)}`;
    const nowMs = this.#modules.now();
    this.#keep(key, entry, nowMs);
    const watched = this.#watched.get(key);
    if (watched !== undefined) {
      watched.entry = entry;
      watched.repeated++;
      return false;
    }
    if (this.#watched.size < MAX_WATCHED) {
      this.#watched.set(key, { entry, sinceMs: nowMs, repeated: 0 });
      this.#timer ??= setInterval(() => this.tick(), TICK_MS).unref();
    }
    return true;
  }

  #keep(key: string, entry: LogEntry, atMs: number): void {
    const times = (this.#kept.get(key)?.times ?? 0) + 1;
    this.#kept.delete(key);
    this.#kept.set(key, { entry, atMs, times });
    if (this.#kept.size <= MAX_KEPT) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      return;
    }
  }

  #sumUp(watched: Watched, nowMs: number): void {
    const { entry, sinceMs, repeated } = watched;
    watched.sinceMs = nowMs;
    watched.repeated = 0;
    if (repeated === 0) return;
    const seconds = Math.max(1, Math.round((nowMs - sinceMs) / 1000));
    const many = repeated === 1 ? 'once' : `${repeated} times`;
    const text = `${entry.text} … repeated ${many} in ${seconds} s`;
    const prefix = entry.plugin === '' ? '' : `plugin/${entry.plugin}: `;
    this.#write(`[${entry.level}] ${prefix}${text}`, { ...entry, text });
  }

  #write(line: string, { level, plugin, text }: LogEntry): void {
    const { write, now } = this.#modules;
    if (this.format === 'text') {
      write(line);
      return;
    }
    const time = new Date(now()).toISOString();
    write(JSON.stringify({ time, level: (level ?? 'INFO').toLowerCase(), plugin, text }));
  }
}

/** Complaints that differ only in how long something took, or how many attempts, are the same one. */
function withoutDurations(text: string): string {
  return text.replace(/\b\d+(?:\.\d+)?(?:ms|s| attempts?)\b/g, '…');
}
