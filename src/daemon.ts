/**
 * The daemon from its start to its end. Start is a list of steps in the order in which they depend
 * on each other; stop is the same list read backwards.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonFlags } from './cli/flags.ts';
import { nodeState } from './control/node-state.ts';
import { answerAll, finishConnections, untilQuiet } from './daemon/closing.ts';
import { createParts, type Parts } from './daemon/parts.ts';
import { removePidfile, writePidfile } from './daemon/pidfile.ts';
import { sayWhatIsServed, serviceLine } from './daemon/start-lines.ts';
import { monotonicClock } from './log/clock.ts';
import type { Log } from './log/log.ts';
import type { Complaint } from './log/output.ts';
import { showNode } from './metrics/process-metrics.ts';

/** How long the event loop may hang once the daemon serves: this, or twice the lease if that is longer. */
const HANG_LIMIT_SECONDS = 4;
/** How long a stop waits for the step of the start that is under way. */
const START_STEP_PATIENCE_MS = 5000;
/** After all that was configured to be waited for. Below the 30 s that kubelet gives a pod. */
const STOP_DEADLINE_MS = 22_000;

export interface DaemonModules {
  readonly log: Log;
  /** What was complained about lately, for those who look. */
  readonly complaints: () => readonly Complaint[];
  /** Called when it serves. */
  readonly started: () => void;
}

export class Daemon {
  readonly #flags: DaemonFlags;
  readonly #log: Log;
  readonly #parts: Parts;
  readonly #started: () => void;
  #starting: Promise<void> = Promise.resolve();
  #serves = false;
  #stopping: Promise<void> | null = null;
  #tearingDown: Promise<void> | null = null;
  /** Ends the waits of a stop. */
  readonly #hurry = new AbortController();

  constructor(flags: DaemonFlags, { log, complaints, started }: DaemonModules) {
    this.#flags = flags;
    this.#log = log;
    this.#started = started;
    this.#parts = createParts(flags, { log, complaints });
  }

  /**
   * Serves when it resolves, unless it was stopped meanwhile. Rejects with what is wrong, and leaves
   * nothing behind: another instance that serves goes on as if we had not come.
   */
  async start(): Promise<void> {
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      await this.#tearDown();
      throw error;
    }
  }

  /** Makes the Corefile again and reads it; resolves to false when it was refused. */
  async reload(): Promise<boolean> {
    await this.#parts.corefileWriter?.look();
    return this.#parts.configuration.reload();
  }

  /**
   * Ends in order: pods are sent elsewhere first, then what has arrived is answered. May be called at
   * any time, also during the start, and again with `hurry` to end the waits. Rejects past the
   * deadline.
   */
  async stop(hurry = false): Promise<void> {
    if (hurry) this.#hurry.abort();
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #start(): Promise<void> {
    const { deadMan, metricsServer, interception, corefileWriter } = this.#parts;
    const { configuration, handOver, control } = this.#parts;
    const steps = [
      () => this.#try("starting the dead-man's switch", () => deadMan?.start()),
      () => metricsServer?.start(),
      () => interception.prepare(),
      () => corefileWriter?.start(),
      () => configuration.start(),
      () => interception.engage(),
      () => handOver.start(),
      () => control.server.start(),
      () => this.#announce(),
      () => showNode(this.#parts.catalogue),
      () => deadMan?.setLimit(this.#hangLimitSeconds),
      () => this.#started(),
    ];
    for (const step of steps) {
      if (this.#stopping !== null) return;
      await step();
    }
    this.#serves = true;
  }

  async #stop(): Promise<void> {
    if (this.#serves) await this.#waitBeforeEnd();
    else await Promise.race([this.#starting.catch(() => {}), pause(START_STEP_PATIENCE_MS)]);
    const late = pause(STOP_DEADLINE_MS).then(() => 'late');
    if ((await Promise.race([this.#tearDown(), late])) !== 'late') return;
    throw new Error(`not done after ${STOP_DEADLINE_MS / 1000} s`);
  }

  get #hangLimitSeconds(): number {
    return Math.max(HANG_LIMIT_SECONDS, Math.ceil((2 * this.#flags.leaseMs) / 1000));
  }

  /** What may take as long as it was configured to, while everything still serves. */
  async #waitBeforeEnd(): Promise<void> {
    const { configuration, interception } = this.#parts;
    const { signal } = this.#hurry;
    const hurry = aborted(signal);
    await Promise.race([configuration.beforeShutdown(), hurry]);
    const { endpoints } = configuration;
    const delayMs = this.#flags.shutdownDelayMs;
    const isOver = () => signal.aborted || interception.hasSuccessor;
    await untilQuiet(endpoints, { delayMs, isOver }, monotonicClock);
    await Promise.race([finishConnections(endpoints, monotonicClock), hurry]);
  }

  #tearDown(): Promise<void> {
    this.#tearingDown ??= this.#tearDownParts();
    return this.#tearingDown;
  }

  async #tearDownParts(): Promise<void> {
    const { deadMan, metricsServer, interception, corefileWriter, control } = this.#parts;
    const { pidfilePath, skipTeardown } = this.#flags;
    if (pidfilePath !== '') await removePidfile(pidfilePath);
    // What is to stay stays as it is; a lease on it ends by itself.
    if (skipTeardown) await this.#closeListeners();
    else await interception.disengage(() => this.#closeListeners());
    control.server.stop();
    control.watch.stop();
    corefileWriter?.stop();
    await metricsServer?.stop();
    deadMan?.stop();
  }

  async #closeListeners(): Promise<void> {
    const { configuration, handOver } = this.#parts;
    await answerAll(configuration.endpoints, monotonicClock);
    await handOver.stop();
    await configuration.stop();
  }

  async #announce(): Promise<void> {
    const { pidfilePath, quiet } = this.#flags;
    if (pidfilePath !== '') await writePidfile(pidfilePath, this.#log);
    const { configuration, control } = this.#parts;
    sayWhatIsServed(this.#log, configuration.configuration, quiet);
    this.#log.info(serviceLine(nodeState(control.sources)));
  }

  /** For a step that DNS can do without. */
  #try(what: string, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#log.warning(`${what}: ${String(error)}`);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Waits without keeping the process alive. */
function pause(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}
