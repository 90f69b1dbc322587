/** For directives that read a file: when it changes, what they made of it is made anew. */
import { WatchedSources } from '../config/watched-sources.ts';
import type { BlockContext } from './directive.ts';

/** In case the file system does not say that a file has changed. */
const POLL_INTERVAL_MS = 10_000;

/**
 * Watches the file at `path` for as long as a configuration asks for it, and has the configuration
 * in force put together anew when the file changes, appears or goes.
 *
 * @param version of what was read, as `contentVersion` has it
 */
export function followFile(
  path: string,
  { parts, daemon }: Pick<BlockContext, 'parts' | 'daemon'>,
  version: string,
): void {
  parts.take(`follow ${path}`, () => {
    const sources = new WatchedSources(
      { pollIntervalMs: POLL_INTERVAL_MS },
      { onChange: () => void daemon.refresh() },
    );
    return {
      start: async () => sources.replace([{ path, kind: 'file', version }]),
      stop: async () => sources.stop(),
    };
  });
}
