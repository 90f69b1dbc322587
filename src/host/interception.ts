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
import type { Log } from '../log/log.ts';
import type { RulesMode } from './backend.ts';
import { type CommandRunner, runCommand } from './command.ts';
import { checkAddresses, checkNetAdmin } from './conflict.ts';
import { errorText, HostError } from './host-error.ts';
import { type InterfaceType, NodeInterface } from './interface.ts';
import { endpointText, isLinkLocal } from './ip.ts';
import { Lease } from './lease.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { hasOtherOwner } from './other-instance.ts';
import { RulesKeeper } from './rules-keeper.ts';
import { KernelRulesWatch } from './rules-watch.ts';
import { Serial } from './serial.ts';
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
}

export interface InterceptionModules {
  readonly log: Log;
  readonly counters: SetupErrors;
  readonly clock: Clock;
  /** Whether our own listeners answer; never rejects, and takes well under a second. */
  readonly probe: () => Promise<boolean>;
}

/** How long the addresses that can do without rules wait for rules that take their time. */
const RULES_PATIENCE_MS = 1000;
/** How often to look whether the rules are as they should be. */
const LOOK_MS = 1000;
const LEFTOVERS_DEADLINE_MS = 3000;
const DISENGAGE_DEADLINE_MS = 8000;

export class Interception {
  readonly #options: InterceptionOptions;
  readonly #modules: InterceptionModules;
  readonly #watch = new KernelRulesWatch();
  readonly #rules: RulesKeeper;
  readonly #lease: Lease;
  /** The two kinds of work that must not overlap with themselves. */
  readonly #rulesWork = new Serial();
  readonly #deviceWork = new Serial();
  /** Ends the commands that run; replaced by a fresh one for what is still to be done. */
  #aborter = new AbortController();
  #socket: NetlinkSocket | null = null;
  #device: NodeInterface | null = null;
  #state: 'idle' | 'prepared' | 'engaged' | 'stopped' = 'idle';
  #stopping: Promise<void> | null = null;
  #leaseTimer: NodeJS.Timeout | null = null;
  #lookTimer: NodeJS.Timeout | null = null;
  #nextReconcileMs = 0;
  #repairPlanned = false;
  /** The addresses that the device has from us. BOUNDED by the local addresses. */
  readonly #held = new Set<string>();

  constructor(options: InterceptionOptions, modules: InterceptionModules) {
    this.#options = options;
    this.#modules = modules;
    const { log, clock, counters, probe } = modules;
    const leaseMs = Math.ceil(options.leaseMs / 1000) * 1000;
    const run: CommandRunner = (file, args, settings) =>
      runCommand(file, args, { signal: this.#aborter.signal, ...settings });
    this.#rules = new RulesKeeper(
      { ...options, leased: leaseMs > 0, mode: options.rules },
      {
        ...{ log, counters, clock, run },
        watch: this.#watch,
        isServedByOther: (ip) => hasOtherOwner(ip, options.dnsPort),
      },
    );
    this.#lease = new Lease(
      {
        leaseMs,
        actions: {
          renew: (lifetimeMs) => this.#deviceWork.run(() => this.#holdAddresses(lifetimeMs)),
          drop: () => this.#deviceWork.run(() => this.#dropAddresses()),
          probe,
        },
      },
      { clock, log },
    );
  }

  /**
   * Checks for conflicts, removes what a dead predecessor left, and makes the interface without
   * addresses: nothing is intercepted yet. Throws HostError when it cannot work.
   */
  async prepare(): Promise<void> {
    const { setupInterface, setupIptables } = this.#options;
    this.#state = 'prepared';
    if (setupInterface || setupIptables) checkNetAdmin();
    if (setupInterface) await this.#deviceWork.run(() => this.#prepareDevice());
    if (setupIptables) {
      const leftovers = this.#rulesWork.run(() => this.#rules.removeLeftovers());
      await Promise.race([leftovers, pause(LEFTOVERS_DEADLINE_MS)]);
    }
  }

  /** Starts the interception: the listeners must be there. Never rejects. */
  async engage(): Promise<void> {
    if (this.#state !== 'prepared') return;
    this.#state = 'engaged';
    this.#socket?.watch((linkIndex) => this.#onLoss(linkIndex));
    if (this.#options.setupIptables) {
      const rules = this.#rulesWork.run(() => this.#rules.install());
      rules.then(() => this.#lease.repair());
      await Promise.race([rules, pause(RULES_PATIENCE_MS)]);
    }
    if (this.#isStopped()) return;
    if (this.#device !== null) await this.#lease.begin();
    this.#scheduleLook();
    if (this.#options.leaseMs > 0 && this.#device !== null) this.#scheduleLease(LOOK_MS);
  }

  /**
   * Ends the interception and removes interface and rules, unless another instance lives on our
   * addresses: then they are left to it. May be called in every state and more than once; never
   * rejects, and takes no longer than the deadline.
   */
  disengage(deadlineMs = DISENGAGE_DEADLINE_MS): Promise<void> {
    this.#stopping ??= this.#disengage(deadlineMs);
    return this.#stopping;
  }

  async #disengage(deadlineMs: number): Promise<void> {
    const wasIdle = this.#state === 'idle';
    this.#state = 'stopped';
    if (this.#leaseTimer !== null) clearTimeout(this.#leaseTimer);
    if (this.#lookTimer !== null) clearTimeout(this.#lookTimer);
    // A command that waits for the xtables lock must not hold up the removal.
    this.#aborter.abort();
    this.#aborter = new AbortController();
    if (!wasIdle) {
      if (this.#hasSuccessor()) this.#device?.release();
      else await this.#tearDown(deadlineMs);
    }
    this.#watch.close();
    this.#socket?.close();
    this.#socket = null;
  }

  #hasSuccessor(): boolean {
    const { localIps, dnsPort } = this.#options;
    const served = localIps.find((ip) => hasOtherOwner(ip, dnsPort));
    if (served === undefined) return false;
    const where = endpointText(served, dnsPort);
    this.#modules.log.info(`Another instance serves ${where}: leaving it interface and rules`);
    return true;
  }

  async #tearDown(deadlineMs: number): Promise<void> {
    const { leaseMs, setupIptables, interfaceName } = this.#options;
    const { log } = this.#modules;
    // With a lease the rules end with the addresses, so these go first. Without, addresses without
    // rules would still be answered, but rules without addresses would lead nowhere.
    if (leaseMs > 0 && this.#device !== null) await this.#lease.end();
    if (setupIptables) {
      const removal = this.#rulesWork.run(() => this.#rules.remove());
      const late = pause(deadlineMs).then(() => 'late');
      if ((await Promise.race([removal, late])) === 'late') {
        this.#aborter.abort();
        log.error(`rules are not removed after ${deadlineMs / 1000} s: leaving them`);
      }
    }
    if (this.#device === null) return;
    try {
      await this.#device.remove();
      log.info(`Removed interface - ${interfaceName}`);
    } catch (cause) {
      this.#modules.counters.interfaceCheck++;
      log.error(`removing the interface "${interfaceName}": ${errorText(cause)}`);
    }
  }

  // ---------------------------------------------------------------- interface and addresses

  async #prepareDevice(): Promise<void> {
    const { interfaceName, interfaceType, localIps, dnsPort } = this.#options;
    const { log, counters } = this.#modules;
    const socket = new NetlinkSocket();
    this.#socket = socket;
    await checkAddresses(this.#options, { socket, log });
    const device = new NodeInterface({ name: interfaceName, type: interfaceType }, { socket, log });
    try {
      await device.ensure();
      // Addresses that nobody answers on would swallow queries until we listen.
      const isServed = localIps.some((ip) => hasOtherOwner(ip, dnsPort));
      await device.removeStaleAddresses(isServed ? localIps : []);
    } catch (cause) {
      counters.interfaceAdd++;
      if (cause instanceof HostError) throw cause;
      log.error(`setting up the interface "${interfaceName}": ${errorText(cause)}; trying again`);
    }
    this.#device = device;
  }

  async #holdAddresses(lifetimeMs: number): Promise<void> {
    const device = this.#device;
    if (device === null || this.#isStopped()) return;
    const { counters, log } = this.#modules;
    try {
      await device.ensure();
    } catch (cause) {
      counters.interfaceAdd++;
      log.error(`setting up the interface: ${errorText(cause)}`);
      return;
    }
    for (const ip of this.#options.localIps) {
      try {
        if (this.#mayHold(ip)) {
          await device.setAddress(ip, lifetimeMs / 1000);
          this.#held.add(ip);
        } else if (this.#held.delete(ip)) {
          log.warning(`Giving ${ip} back to kube-dns: its rules are not in place`);
          await device.deleteAddress(ip);
        }
      } catch (cause) {
        counters.interfaceCheck++;
        log.error(errorText(cause));
      }
    }
  }

  /**
   * A service's address without the rules would half work: kube-proxy still translates packets to it
   * that leave from the node itself, now with the address as their source. Nobody translates
   * link-local addresses.
   */
  #mayHold(ip: string): boolean {
    return !this.#options.setupIptables || isLinkLocal(ip) || this.#rules.isReady(ip);
  }

  async #dropAddresses(): Promise<void> {
    for (const ip of this.#options.localIps) {
      this.#held.delete(ip);
      try {
        await this.#device?.deleteAddress(ip);
      } catch (cause) {
        this.#modules.log.error(errorText(cause));
      }
    }
  }

  /** The kernel removed something from a device: puts ours back, once for many notifications. */
  #onLoss(linkIndex: number): void {
    const isOurs = linkIndex === 0 || linkIndex === this.#device?.index;
    if (!isOurs || this.#repairPlanned || this.#isStopped()) return;
    this.#repairPlanned = true;
    setImmediate(() => {
      this.#repairPlanned = false;
      if (!this.#isStopped()) this.#lease.repair();
    });
  }

  // ---------------------------------------------------------------- the passing of time

  #scheduleLease(delayMs: number): void {
    this.#leaseTimer = setTimeout(async () => {
      const nextMs = await this.#lease.tick();
      if (!this.#isStopped()) this.#scheduleLease(nextMs);
    }, delayMs);
    this.#leaseTimer.unref();
  }

  #scheduleLook(): void {
    this.#lookTimer = setTimeout(async () => {
      await this.#look();
      if (!this.#isStopped()) this.#scheduleLook();
    }, LOOK_MS);
    this.#lookTimer.unref();
  }

  async #look(): Promise<void> {
    const { setupIptables, syncIntervalMs, localIps } = this.#options;
    const { clock, log, counters } = this.#modules;
    if (setupIptables && (await this.#rulesWork.run(() => this.#rules.tick()))) {
      await this.#lease.repair();
    }
    if (clock.nowMs() < this.#nextReconcileMs || this.#device === null) return;
    this.#nextReconcileMs = clock.nowMs() + syncIntervalMs;
    try {
      await this.#deviceWork.run(async () => this.#device?.removeStaleAddresses(localIps));
      await this.#lease.repair();
    } catch (cause) {
      counters.interfaceCheck++;
      log.error(errorText(cause));
    }
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }
}

/** Waits without keeping the process alive. */
function pause(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}
