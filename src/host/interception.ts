/**
 * How the node's DNS traffic comes to us: an interface with leased addresses, and the rules that
 * keep that traffic out of connection tracking. Rules come first and addresses last, so interception
 * starts in one step; it ends in one step when the addresses go.
 *
 * `prepare` before the sockets are bound, `engage` when they listen, `disengage` at the end, in
 * every state. A running interception repairs what others remove and never ends the process.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../log/clock.ts';
import { everySecond } from '../log/every-second.ts';
import type { Log } from '../log/log.ts';
import { AddressKeeper } from './address-keeper.ts';
import type { RulesMode } from './backend.ts';
import { runCommand } from './command.ts';
import { checkNetAdmin } from './conflict.ts';
import type { InterfaceType } from './interface.ts';
import { endpointText, isLinkLocal } from './ip.ts';
import { Lease } from './lease.ts';
import type { NodeEvents } from './node-events.ts';
import { hasOtherOwner } from './other-instance.ts';
import { RulesKeeper } from './rules-keeper.ts';
import { KernelRulesWatch } from './rules-watch.ts';
import type { SetupErrors } from './setup-errors.ts';

export interface InterceptionOptions {
  readonly localIps: readonly string[];
  readonly dnsPort: number;
  readonly healthPort: number;
  readonly interfaceName: string;
  readonly interfaceType: InterfaceType;
  /** Lifetime of the addresses; rounded up to whole seconds. 0: unlimited, as in the original. */
  readonly leaseMs: number;
  readonly setupInterface: boolean;
  readonly setupIptables: boolean;
  readonly rules: RulesMode;
  readonly syncIntervalMs: number;
  /** Whether listeners can be bound before their addresses exist; default true. */
  readonly bindsAhead?: boolean;
}

export interface InterceptionModules {
  readonly log: Log;
  readonly counters: SetupErrors;
  readonly events: NodeEvents;
  readonly clock: Clock;
  /**
   * Whether our own listeners answer on a local address, each in its turn: only one that we hold,
   * since elsewhere kube-dns would answer. Never rejects, and takes well under a second.
   */
  readonly probe: (heldIp: string) => Promise<boolean>;
}

/** How the interception stands, for those who look. */
export interface InterceptionReport {
  readonly state: 'idle' | 'prepared' | 'engaged' | 'stopped';
  /** Whether the lease is held; true without one. */
  readonly isHeld: boolean;
  /** The local addresses that the interface has from us. */
  readonly held: readonly string[];
  /** Those whose rules are in place. */
  readonly ruled: readonly string[];
  /** What the rules are kept with; '' for nothing. */
  readonly rulesBackend: string;
}

/** How long the addresses that can do without rules wait for rules that take their time. */
const RULES_PATIENCE_MS = 1000;
/** A lease that wants its next turn no sooner than this gets it with all else that is done each second. */
const UNHURRIED_MS = 750;
/** Two rounds of programs; on a node short of processor time these take seconds each. */
const DISENGAGE_DEADLINE_MS = 14_000;

export class Interception {
  readonly #options: InterceptionOptions;
  readonly #modules: InterceptionModules;
  readonly #watch = new KernelRulesWatch();
  readonly #rules: RulesKeeper;
  readonly #addresses: AddressKeeper;
  readonly #lease: Lease;
  #state: 'idle' | 'prepared' | 'engaged' | 'stopped' = 'idle';
  #stopping: Promise<void> | null = null;
  #rulesRemoved = false;
  /** The rules on their way, when they were begun with before the listeners. */
  #installing: Promise<void> | null = null;
  #leaseTimer: NodeJS.Timeout | null = null;
  /** Whether the lease's next turn is the next second's. */
  #leaseIsUnhurried = false;
  #isLooking = false;
  #endSeconds: () => void = () => {};
  #nextReconcileMs = 0;

  constructor(options: InterceptionOptions, modules: InterceptionModules) {
    this.#options = options;
    this.#modules = modules;
    const { log, clock, counters, events, probe } = modules;
    const leaseMs = Math.ceil(options.leaseMs / 1000) * 1000;
    const isServedByOther = (ip: string) => hasOtherOwner(ip, options.dnsPort);
    this.#rules = new RulesKeeper(
      { ...options, leased: leaseMs > 0, mode: options.rules },
      { log, counters, events, clock, run: runCommand, watch: this.#watch, isServedByOther },
    );
    const mayHold = (ip: string) => this.#mayHold(ip);
    this.#addresses = new AddressKeeper(options, { log, counters, events, clock, mayHold });
    const actions = {
      renew: async (lifetimeMs: number) => {
        if (!this.#isStopped()) await this.#addresses.hold(lifetimeMs);
      },
      drop: () => this.#addresses.drop(),
      probe: () => probe(this.#addresses.nextHeld()),
    };
    this.#lease = new Lease({ leaseMs, actions }, { clock, log, events });
  }

  /**
   * Checks for conflicts, removes what a dead predecessor left, makes the interface without addresses
   * and begins with the rules: nothing is intercepted yet. Throws HostError when it cannot work.
   */
  async prepare(): Promise<void> {
    const { setupInterface, setupIptables, leaseMs, bindsAhead = true } = this.#options;
    if (this.#state !== 'idle') return;
    this.#state = 'prepared';
    if (setupInterface || setupIptables) checkNetAdmin();
    if (setupInterface) await this.#addresses.prepare();
    // The addresses are there a moment too soon then: better than not to serve.
    if (setupInterface && !bindsAhead) await this.#addresses.hold(leaseMs);
    if (!setupIptables || this.#isStopped()) return;
    // Not waited for: the rest of the start goes on meanwhile. Rules that match nothing while nobody
    // holds the addresses may be there before the listeners are.
    if (leaseMs > 0 && setupInterface && bindsAhead) this.#installing = this.#rules.install();
    else void this.#rules.removeLeftovers();
  }

  /** Starts the interception: the listeners must be there. Never rejects. */
  async engage(): Promise<void> {
    const { setupInterface, setupIptables, leaseMs } = this.#options;
    if (this.#state !== 'prepared') return;
    this.#state = 'engaged';
    if (setupIptables) {
      const rules = this.#installing ?? this.#rules.install();
      rules.then(() => this.#lease.repair());
      // Late, since it is seldom of use and starts programs: not to delay the addresses.
      void this.#rules.removeLeftoversElsewhere();
      await Promise.race([rules, pause(RULES_PATIENCE_MS)]);
    }
    if (this.#isStopped()) return;
    if (setupInterface) {
      this.#addresses.watch(() => this.#lease.repair());
      await this.#lease.begin();
      if (leaseMs > 0) this.#scheduleLease(leaseMs / 2);
    }
    if (!this.#isStopped()) this.#endSeconds = everySecond(() => this.#eachSecond());
  }

  /**
   * Ends the interception and removes interface and rules, unless another instance lives on our
   * addresses: then they are left to it. May be called in every state and more than once; never
   * rejects, and takes little longer than the deadline and `closeListeners`.
   *
   * @param closeListeners answers what has come and closes the listeners; must not reject. Called
   *   when new queries go elsewhere, while the rules that replies need are still there.
   */
  disengage(
    closeListeners: () => Promise<void> = nothing,
    deadlineMs = DISENGAGE_DEADLINE_MS,
  ): Promise<void> {
    this.#stopping ??= this.#disengage(closeListeners, deadlineMs);
    return this.#stopping;
  }

  get report(): InterceptionReport {
    return {
      state: this.#state,
      isHeld: this.#lease.isHeld,
      held: this.#addresses.held,
      ruled: this.#options.localIps.filter((ip) => this.#rules.isReady(ip)),
      rulesBackend: this.#rules.backendName,
    };
  }

  /** Whether another instance serves our addresses, and so keeps interface and rules when we end. */
  get hasSuccessor(): boolean {
    return this.#findSuccessor() !== undefined;
  }

  async #disengage(closeListeners: () => Promise<void>, deadlineMs: number): Promise<void> {
    const wasIdle = this.#state === 'idle';
    this.#state = 'stopped';
    if (this.#leaseTimer !== null) clearTimeout(this.#leaseTimer);
    this.#endSeconds();
    this.#rules.stop();
    if (!wasIdle && !this.hasSuccessor) await this.#turnAway(deadlineMs);
    await closeListeners();
    // Looked at again without listeners of our own: of two instances that end at the same time, the
    // one that closes last finds itself alone.
    if (!wasIdle && !this.#leavesToSuccessor()) {
      await this.#turnAway(deadlineMs);
      await this.#tearDown(deadlineMs);
    }
    await this.#addresses.release();
    this.#watch.close();
  }

  #findSuccessor(): string | undefined {
    const { localIps, dnsPort } = this.#options;
    return localIps.find((ip) => hasOtherOwner(ip, dnsPort));
  }

  #leavesToSuccessor(): boolean {
    const ip = this.#findSuccessor();
    if (ip === undefined) return false;
    const where = endpointText(ip, this.#options.dnsPort);
    this.#modules.log.info(`Another instance serves ${where}: leaving it interface and rules`);
    return true;
  }

  /** Ends what brings queries here. The rest stays, for the replies. */
  async #turnAway(deadlineMs: number): Promise<void> {
    const { leaseMs, setupInterface } = this.#options;
    // With a lease the rules end with the addresses. Without, rules without addresses would lead
    // nowhere, so the rules go first.
    if (leaseMs > 0 && setupInterface) await this.#lease.end();
    else await this.#removeRules(deadlineMs);
  }

  async #tearDown(deadlineMs: number): Promise<void> {
    await this.#removeRules(deadlineMs);
    if (this.#options.setupInterface) await this.#addresses.remove();
  }

  async #removeRules(deadlineMs: number): Promise<void> {
    if (!this.#options.setupIptables || this.#rulesRemoved) return;
    this.#rulesRemoved = true;
    await this.#rules.remove(deadlineMs);
  }

  /**
   * A service's address without the rules would half work: kube-proxy still translates packets to it
   * that leave from the node itself, now with the address as their source. Nobody translates
   * link-local addresses.
   */
  #mayHold(ip: string): boolean {
    if (this.#state === 'prepared') return true;
    return !this.#options.setupIptables || isLinkLocal(ip) || this.#rules.isReady(ip);
  }

  #eachSecond(): void {
    if (this.#leaseIsUnhurried) void this.#tickLease();
    if (!this.#isLooking) void this.#look();
  }

  async #tickLease(): Promise<void> {
    this.#leaseIsUnhurried = false;
    const nextMs = await this.#lease.tick();
    this.#scheduleLease(nextMs);
  }

  #scheduleLease(delayMs: number): void {
    if (this.#isStopped()) return;
    this.#leaseIsUnhurried = this.#lease.isHeld && delayMs >= UNHURRIED_MS;
    if (this.#leaseIsUnhurried) return;
    this.#leaseTimer = setTimeout(() => void this.#tickLease(), delayMs);
    this.#leaseTimer.unref();
  }

  /** The rules if they may have changed; everything when it is time to. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    await this.#lookAtAll();
    this.#isLooking = false;
  }

  async #lookAtAll(): Promise<void> {
    const { setupInterface, setupIptables, syncIntervalMs } = this.#options;
    const { clock } = this.#modules;
    if (setupIptables && (await this.#rules.tick())) {
      await this.#lease.repair();
    }
    if (!setupInterface || this.#isStopped() || clock.nowMs() < this.#nextReconcileMs) return;
    this.#nextReconcileMs = clock.nowMs() + syncIntervalMs;
    await this.#addresses.removeStale();
    await this.#lease.repair();
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }
}

async function nothing(): Promise<void> {}

/** Waits without keeping the process alive. */
function pause(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}
