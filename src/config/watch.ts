/**
 * Notices that a file or folder has changed, however it was changed: in place, by a rename, or by
 * kubelet, which swaps the link `..data` that the files of a ConfigMap lead through.
 *
 * Events of the file system only say when to look; whether something has changed is decided by a
 * hash of the content. Where events do not come (other mounts, no inotify left) a slow poll looks.
 */
import { createHash } from 'node:crypto';
import { watch as fsWatch, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { readFolder } from './folder.ts';

export interface WatchOptions {
  readonly path: string;
  /** Of a folder its files count, of a file its content. */
  readonly kind: 'file' | 'folder';
  readonly pollIntervalMs: number;
  /** From the first event to looking, so that a change in several steps is seen as one. */
  readonly debounceMs: number;
}

/** A subscription to events. */
export interface EventSource {
  close(): void;
}

export interface WatchModules {
  /** Called when the content is another than before, or gone, or there again. Must not throw. */
  readonly onChange: () => void;
  /** Subscribes to changes of or in `path`. May throw. */
  readonly subscribe?: (path: string, onEvent: () => void) => EventSource;
}

export class PathWatch {
  readonly #options: WatchOptions;
  readonly #onChange: () => void;
  readonly #subscribe: (path: string, onEvent: () => void) => EventSource;
  /** BOUNDED by the three places of #placesToWatch. */
  #sources: EventSource[] = [];
  #pollTimer: NodeJS.Timeout | undefined;
  #debounceTimer: NodeJS.Timeout | undefined;
  #version = '';

  constructor(options: WatchOptions, { onChange, subscribe = subscribeToDisk }: WatchModules) {
    this.#options = options;
    this.#onChange = onChange;
    this.#subscribe = subscribe;
  }

  /** Remembers the content as it is now and looks for changes from now on. Never throws. */
  start(): void {
    this.#arm();
    this.#version = this.#readVersion();
    this.#pollTimer = setInterval(() => {
      // Links and folders may be others by now, and their subscriptions dead.
      this.#arm();
      this.#check();
    }, this.#options.pollIntervalMs).unref();
  }

  /** Ends all looking; `onChange` is not called any more. */
  stop(): void {
    clearInterval(this.#pollTimer);
    clearTimeout(this.#debounceTimer);
    this.#disarm();
  }

  #arm(): void {
    this.#disarm();
    for (const place of this.#placesToWatch()) {
      try {
        this.#sources.push(this.#subscribe(place, () => this.#onEvent()));
      } catch {
        // It does not exist or nothing may be watched: the poll still looks.
      }
    }
  }

  #disarm(): void {
    for (const source of this.#sources) source.close();
    this.#sources = [];
  }

  /** The path, the folder that names it, and the folder of the file it leads to. */
  #placesToWatch(): Set<string> {
    const { path, kind } = this.#options;
    if (kind === 'folder') return new Set([path]);
    return new Set([path, dirname(path), dirname(realPath(path))]);
  }

  /** Later events do not put off the look: a file that is written to all the time is seen too. */
  #onEvent(): void {
    this.#debounceTimer ??= setTimeout(() => {
      this.#debounceTimer = undefined;
      this.#check();
    }, this.#options.debounceMs).unref();
  }

  #check(): void {
    const version = this.#readVersion();
    if (version === this.#version) return;
    this.#version = version;
    this.#onChange();
  }

  /** A text that is another one when the content is; an error's code stands for what cannot be read. */
  #readVersion(): string {
    const { path, kind } = this.#options;
    try {
      return kind === 'folder' ? readFolder(path).version : fileVersion(path);
    } catch (error) {
      return `unreadable ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
    }
  }
}

function fileVersion(path: string): string {
  if (!statSync(path).isFile()) return 'not a file';
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** inotify. A subscription that breaks later is made anew at the next poll. */
function subscribeToDisk(path: string, onEvent: () => void): EventSource {
  return fsWatch(path, { persistent: false }, onEvent).on('error', () => undefined);
}
