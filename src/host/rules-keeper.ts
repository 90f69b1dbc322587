/**
 * Keeps the rules as they should be: chooses the backend, repairs what others flush or double, and
 * keeps trying, with growing pauses, where iptables misbehaves. Pieces of work wait for one another,
 * address families are worked on at the same time. Never rejects: DNS is served all the while
 * (spec §2.2, §2.5).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import { type BackendChoice, chooseBackend, otherBackends, type RulesMode } from './backend.ts';
import type { CommandRunner } from './command.ts';
import { canonicalIp, type Family, familyOf } from './ip.ts';
import type { RuleBackend, SyncOutcome } from './iptables-rules.ts';
import type { NodeEvents } from './node-events.ts';
import { type Rule, type RulesOptions, ruleKey, rulesFor } from './rules.ts';
import type { RulesWatch } from './rules-watch.ts';
import { Serial } from './serial.ts';
import type { SetupErrors } from './setup-errors.ts';

export interface RulesKeeperOptions extends RulesOptions {
  readonly localIps: readonly string[];
  readonly interfaceName: string;
  readonly mode: RulesMode;
  /** Between checks when nothing seems to have changed. */
  readonly syncIntervalMs: number;
}

export interface RulesKeeperModules {
  readonly log: Log;
  readonly counters: SetupErrors;
  readonly events: NodeEvents;
  readonly clock: Clock;
  readonly run: CommandRunner;
  /** Tells cheaply whether the kernel's rules may have changed. */
  readonly watch: RulesWatch;
  /** Whether another living program answers DNS on an address: its rules are its own. */
  readonly isServedByOther: (ip: string) => boolean;
}

const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;
/** Between the looks and the changes of a removal others may have changed the same rules. */
const REMOVAL_ATTEMPTS = 2;

export class RulesKeeper {
  readonly #options: RulesKeeperOptions;
  readonly #modules: RulesKeeperModules;
  readonly #wanted: readonly Rule[];
  readonly #isWantedIp: (rule: Rule) => boolean;
  readonly #families: readonly Family[];
  readonly #serial = new Serial();
  /** Runs commands that end when what they are for is not wanted any more. */
  readonly #run: CommandRunner;
  #aborter = new AbortController();
  #isEnding = false;
  #choice: BackendChoice | null = null;
  #nextReviewMs = 0;
  /** Whose rules are to go once those of others are in place. BOUNDED by the families. */
  #replaced: readonly RuleBackend[] = [];
  /** Per backend: whether its rules were in place at the last look. BOUNDED by the families. */
  readonly #inPlace = new Map<RuleBackend, boolean>();
  #pauseMs = FIRST_PAUSE_MS;
  #nextSyncMs = 0;
  /** How many rules the last comparison added or removed. */
  #changes = 0;
  #hasJustChanged = false;

  constructor(options: RulesKeeperOptions, modules: RulesKeeperModules) {
    this.#options = options;
    this.#modules = modules;
    this.#wanted = options.localIps.flatMap((ip) => rulesFor(ip, options));
    this.#families = [...new Set(options.localIps.map(familyOf))];
    const ips = new Set(options.localIps.map(canonicalIp));
    this.#isWantedIp = (rule) => ips.has(canonicalIp(rule.ip));
    this.#run = (file, args, settings) =>
      modules.run(file, args, { ...settings, signal: this.#aborter.signal });
  }

  /** What the rules are kept with, '' while that is not known. */
  get backendName(): string {
    return this.#choice?.backends.map(({ name }) => name).join(' and ') ?? '';
  }

  /** Whether an address may be held: its rules were in place when we last could look. */
  isReady(ip: string): boolean {
    return [...this.#inPlace].some(([backend, inPlace]) => inPlace && backend.covers(ip));
  }

  /** Puts the rules in place; afterwards `isReady` tells for which addresses it worked. */
  install(): Promise<void> {
    return this.#inTurn(async () => {
      const { watch } = this.#modules;
      await watch.mark();
      const isDone = await this.#syncAll(this.#wanted, (rule) => this.#isObsolete(rule));
      if (isDone) await this.#clearReplaced();
      const isSecondChange = this.#hasJustChanged && this.#changes > 0;
      this.#hasJustChanged = this.#changes > 0 && !isSecondChange;
      // Whoever changed the rules while we did would go unnoticed: the next tick looks again. Only
      // once, for the case that what we set is not what we find.
      if (this.#hasJustChanged) return;
      if (isSecondChange) await watch.mark();
      watch.settle();
    });
  }

  /**
   * Removes what a dead predecessor left. Rules that only match while the address is held do no
   * harm: those that we would install ourselves may stay.
   */
  removeLeftovers(): Promise<void> {
    return this.#inTurn(async () => {
      const harmless = this.#options.leased ? this.#wanted : [];
      const wanted = new Set(harmless.map(ruleKey));
      await this.#syncAll([], (rule) => !wanted.has(ruleKey(rule)) && this.#isObsolete(rule));
      this.#inPlace.clear();
      this.#nextSyncMs = 0;
    });
  }

  /**
   * Removes what a dead predecessor left where we do not keep ours, because kube-proxy or the image's
   * iptables is another one since: without us to answer, the original's rules would still keep
   * kube-proxy from translating. What cannot be looked at stays.
   */
  removeLeftoversElsewhere(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#choice === null) return;
      const others = otherBackends(this.#choice, this.#families, this.#run);
      await Promise.all(others.map((backend) => this.#clear(backend)));
    });
  }

  /** Ends what is being done; nothing but `remove` does anything from here on. */
  stop(): void {
    this.#isEnding = true;
    // A command that waits for the xtables lock must not hold up the removal.
    this.#aborter.abort();
  }

  /**
   * Removes our rules, the original's forms of them included, and stops. What is not removed within
   * the deadline stays, with a line in the log.
   */
  async remove(deadlineMs: number): Promise<void> {
    this.stop();
    const removal = this.#serial.run(() => this.#remove());
    const late = sleep(deadlineMs, 'late', { ref: false });
    if ((await Promise.race([removal, late])) !== 'late') return;
    this.#aborter.abort();
    this.#modules.log.error(`rules are not removed after ${deadlineMs / 1000} s: leaving them`);
  }

  /**
   * Checks the rules if they may have changed, or if it is time to.
   *
   * @returns whether `isReady` may say something else now
   */
  async tick(): Promise<boolean> {
    const isDue = this.#modules.clock.nowMs() >= this.#nextSyncMs;
    // While something is wrong the pauses grow; a change by someone else does not shorten them.
    if (!isDue && (this.#pauseMs > FIRST_PAUSE_MS || !(await this.#hasChanged()))) {
      this.#hasJustChanged = false;
      return false;
    }
    await this.install();
    return true;
  }

  async #hasChanged(): Promise<boolean> {
    const isLost = this.#choice?.backends.some((backend) => backend.isLost === true) === true;
    return isLost || (await this.#modules.watch.changed());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    return this.#serial.run(async () => {
      if (!this.#isEnding) await work();
    });
  }

  async #remove(): Promise<void> {
    this.#aborter = new AbortController();
    for (let attempt = 0; attempt < REMOVAL_ATTEMPTS; attempt++) {
      const isDone = await this.#syncAll([], this.#isWantedIp);
      if (isDone || this.backendName === '') break;
    }
    await this.#clearReplaced();
    this.#inPlace.clear();
  }

  async #clear(backend: RuleBackend): Promise<void> {
    const { log } = this.#modules;
    const outcome = await backend.sync([], (rule) => this.#isObsolete(rule));
    if (outcome.status !== 'in-place') {
      log.debug(`looking for rules of ${backend.name}: ${outcome.message}`);
    } else if (outcome.removed > 0) {
      log.info(`Removed ${outcome.removed} rules of a predecessor with ${backend.name}`);
    }
  }

  /** A rule that is not wanted goes when its address is ours or nobody's. */
  #isObsolete(rule: Rule): boolean {
    return !this.#modules.isServedByOther(rule.ip);
  }

  /** Resolves to whether all is as it should be. */
  async #syncAll(wanted: readonly Rule[], isObsolete: (rule: Rule) => boolean): Promise<boolean> {
    const { clock } = this.#modules;
    const backends = await this.#backends();
    const { signal } = this.#aborter;
    this.#changes = 0;
    const statuses = await Promise.all(
      backends.map(async (backend) => {
        const outcome = await backend.sync(wanted, isObsolete);
        // What we ended ourselves says nothing.
        if (!signal.aborted) this.#note(backend, outcome);
        return outcome.status;
      }),
    );
    if (signal.aborted) return false;
    const worked = backends.length > 0 && statuses.every((status) => status === 'in-place');
    const pauseMs = worked ? this.#options.syncIntervalMs : this.#pauseMs;
    this.#nextSyncMs = clock.nowMs() + pauseMs;
    this.#pauseMs = worked ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
    return worked;
  }

  async #backends(): Promise<readonly RuleBackend[]> {
    const { clock, log, counters } = this.#modules;
    const current = this.#choice;
    if (current !== null && !this.#isToReview(current)) return current.backends;
    const choice = await chooseBackend({ ...this.#options, families: this.#families }, this.#run);
    if (this.#aborter.signal.aborted) return current?.backends ?? [];
    this.#nextReviewMs = clock.nowMs() + this.#options.syncIntervalMs;
    if (choice.backends.length > 0) return this.#choose(choice);
    if (current !== null && current.backends.length > 0) return current.backends;
    counters.iptables++;
    log.error(`rules cannot be set: ${choice.reason}`);
    this.#choice = choice;
    return [];
  }

  /**
   * A node that starts shows what Kubernetes uses only later, and a program that was too slow to tell
   * may have misled us: looked at again when the rules cannot be set, and every sync interval.
   */
  #isToReview({ isFirm, backends }: BackendChoice): boolean {
    if (this.#isEnding) return false;
    if (backends.length === 0) return true;
    const isTime =
      this.#pauseMs > FIRST_PAUSE_MS || this.#modules.clock.nowMs() >= this.#nextReviewMs;
    return !isFirm && isTime;
  }

  #choose(choice: BackendChoice): readonly RuleBackend[] {
    const { log, watch } = this.#modules;
    const current = this.#choice;
    if (current?.ruleSet === choice.ruleSet) {
      this.#choice = { ...choice, backends: current.backends };
      return current.backends;
    }
    this.#replaced = [...this.#replaced, ...(current?.backends ?? [])];
    this.#choice = choice;
    log.info(`Rules are kept with ${this.backendName}: ${choice.reason}`);
    watch.follow(choice.backends.flatMap(({ targets }) => targets));
    return choice.backends;
  }

  async #clearReplaced(): Promise<void> {
    const replaced = this.#replaced;
    this.#replaced = [];
    for (const backend of replaced) this.#inPlace.delete(backend);
    await Promise.all(replaced.map((backend) => this.#clear(backend)));
  }

  #note(backend: RuleBackend, outcome: SyncOutcome): void {
    const { log, counters, events } = this.#modules;
    if (outcome.status === 'in-place') {
      const { added, removed } = outcome;
      this.#changes += added + removed;
      if (added > 0 && this.#inPlace.get(backend) === true) events.repairs.rules++;
      this.#inPlace.set(backend, true);
      const note = backend.note ? `: ${backend.note}` : '';
      if (added > 0) log.info(`Added ${added} rules with ${backend.name}${note}`);
      if (removed > 0) log.info(`Removed ${removed} rules with ${backend.name}`);
      if (added + removed === 0) log.debug(`rules of ${backend.name} are as they should be`);
      return;
    }
    // When the kernel could not be asked, what was known last still counts.
    if (outcome.missing || !this.#inPlace.has(backend)) this.#inPlace.set(backend, false);
    if (outcome.status === 'locked') counters.iptablesLock++;
    else counters.iptables++;
    const retry = `trying again in ${this.#pauseMs / 1000} s`;
    log.error(`setting rules with ${backend.name}: ${outcome.message}; ${retry}`);
  }
}
