/** What signals, and errors that nobody caught, mean to the daemon (spec §7.2). */
import type { Log } from '../log/log.ts';

/** What can be asked of a daemon from the start of its start on. */
export interface Controllable {
  /** May be called more than once. With `hurry` nothing is waited for that can be done without. */
  stop(hurry?: boolean): Promise<void>;
  reload(): Promise<boolean>;
}

const STATUS_INTERRUPTED = 2;
const STATUS_NOT_STOPPED = 3;
/** As Node's own for an uncaught exception. */
const STATUS_FATAL = 1;

/**
 * SIGTERM, SIGINT and SIGQUIT stop, SIGUSR1 reloads, SIGHUP means nothing. A second signal to stop
 * shortens the end to its tear-down, a third ends at once. What nobody caught is logged, and then
 * the daemon ends as if it were in a hurry: whatever broke, pods are not to be left with addresses
 * that nobody answers on.
 */
export function obeySignals(daemon: Controllable, log: Log): void {
  let signals = 0;
  let isBroken = false;
  let status = 0;
  const stop = (hurry: boolean) => {
    void daemon.stop(hurry).then(
      () => process.exit(status),
      (error: unknown) => {
        log.error(`stopping: ${String(error)}`);
        process.exit(STATUS_NOT_STOPPED);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      signals++;
      log.info(`${signal}: Shutting down servers then terminating`);
      if (signals > 1) status = STATUS_INTERRUPTED;
      if (signals > 2) process.exit(status);
      stop(signals > 1);
    });
  }
  const breakDown = (what: string, cause: unknown) => {
    // One that comes with every packet must not fill the log.
    if (isBroken) return;
    isBroken = true;
    log.error(`${what}: ${cause instanceof Error ? cause.stack : String(cause)}`);
    status = STATUS_FATAL;
    stop(true);
  };
  process.on('uncaughtException', (error) => breakDown('uncaught exception', error));
  process.on('unhandledRejection', (reason) => breakDown('unhandled rejection', reason));
  process.on('SIGUSR1', () => void daemon.reload());
  process.on('SIGHUP', () => {});
}
