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
  /** What `contentVersion` gave for what is known already; without it, what is there at `start`. */
  readonly knownVersion?: string;
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
  /** BOUNDED by the places of #placesToWatch. */
  #sources: EventSource[] = [];
  #pollTimer: NodeJS.Timeout | undefined;
  #debounceTimer: NodeJS.Timeout | undefined;
  #version = '';

  constructor(options: WatchOptions, { onChange, subscribe = subscribeToDisk }: WatchModules) {
    this.#options = options;
    this.#onChange = onChange;
    this.#subscribe = subscribe;
  }

  /** Looks for changes from now on, and soon whether there was one since the known version. Never throws. */
  start(): void {
    const { path, kind, knownVersion } = this.#options;
    this.#arm();
    this.#version = knownVersion ?? contentVersion(path, kind);
    if (knownVersion !== undefined) this.#onEvent();
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
    const { path } = this.#options;
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
    const { path, kind } = this.#options;
    const version = contentVersion(path, kind);
    if (version === this.#version) return;
    this.#version = version;
    // What changed may have been a link on the way there.
    this.#arm();
    this.#onChange();
  }
}

/** A text that is another one when the content is; an error's code stands for what cannot be read. */
export function contentVersion(path: string, kind: WatchOptions['kind']): string {
  try {
    if (kind === 'folder') return readFolder(path).version;
    return statSync(path).isFile() ? textVersion(readFileSync(path)) : 'not a file';
  } catch (error) {
    return `unreadable ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

/** The version of a file with this content. */
export function textVersion(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
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
