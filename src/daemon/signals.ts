/** What signals mean to the daemon (spec §7.2). */
import type { Log } from '../log/log.ts';

/** What can be asked of a running daemon. */
export interface Controllable {
  stop(): Promise<void>;
  reload(): Promise<boolean>;
}

/** Below the 30 s that kubelet gives a pod. */
const STOP_DEADLINE_MS = 25_000;

/** SIGTERM, SIGINT and SIGQUIT stop, SIGUSR1 reloads, SIGHUP means nothing. */
export function obeySignals(daemon: Controllable, log: Log): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => void stop(daemon, signal, log));
  }
  process.on('SIGUSR1', () => void daemon.reload());
  process.on('SIGHUP', () => {});
}

let stopping = false;

/** A second signal does not wait any longer. */
async function stop(daemon: Controllable, signal: string, log: Log): Promise<void> {
  if (stopping) process.exit(2);
  stopping = true;
  log.info(`${signal}: Shutting down servers then terminating`);
  setTimeout(() => {
    log.error(`still stopping after ${STOP_DEADLINE_MS / 1000} s: ending now`);
    process.exit(3);
  }, STOP_DEADLINE_MS).unref();
  try {
    await daemon.stop();
    process.exit(0);
  } catch (error) {
    log.error(`stopping: ${String(error)}`);
    process.exit(3);
  }
}
