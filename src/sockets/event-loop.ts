/** What libuv, which is part of Node, tells about the event loop (https://docs.libuv.org/en/v1.x/loop.html). */
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type Koffi from 'koffi';

export interface EventLoop {
  /** Readable while the loop has something to do beside its timers. */
  readonly descriptor: number;
  /** Milliseconds until the next timer; −1: there is none; 0: something is to be done at once. */
  timeoutMs(): number;
}

/** The one libuv that reports wake-ups by other threads only once (https://github.com/libuv/libuv/pull/4585). */
const EDGE_TRIGGERED_LIBUV = '1.49.0';

/** Null in a worker, whose loop cannot be had, and where Node does not show its libuv. */
export function findEventLoop(): EventLoop | null {
  if (!isMainThread || process.versions.uv === EDGE_TRIGGERED_LIBUV) return null;
  try {
    const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
    const node = koffi.load(null);
    const loop = node.func('void* uv_default_loop()')();
    const timeout = node.func('int uv_backend_timeout(void* loop)');
    return {
      descriptor: node.func('int uv_backend_fd(void* loop)')(loop),
      timeoutMs: () => timeout(loop),
    };
  } catch {
    return null;
  }
}
