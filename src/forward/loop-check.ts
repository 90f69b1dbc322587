/**
 * Finds upstreams whose queries come back to us, and leaves them out while they do (spec §5.5).
 *
 * Each upstream is sent a question with a name nobody can guess. If our own server is asked that
 * name, the upstream leads back here. The original asks its own listener instead and counts how
 * often the name comes round; that cannot work where identical questions wait for one answer, and
 * it does not tell which upstream is to blame.
 */
import { randomBytes } from 'node:crypto';
import { TYPE_HINFO } from '../dns/type.ts';
import { buildQuestion } from './prober.ts';
import type { Upstream } from './upstream.ts';

/** Until the listeners of a new configuration are there. */
const FIRST_DELAY_MS = 500;
/** While an upstream does not answer, and how often it is asked then. */
const RETRY_MS = 1000;
const MAX_RETRIES = 30;
/**
 * How soon an upstream that loops is asked again, at most: two servers that forward to each other
 * must not ask at the same time, while each leaves the other out, and both find all is well.
 */
const LOOPING_MS = 10_000;
/** How often one that looped must be found well before it is trusted for long. */
const WARY_CHECKS = 6;
/** One that does not loop may begin to: somebody edits a resolv.conf far away. */
const RECHECK_MS = 300_000;

/** An upstream to check, with the zone that it is asked about. */
export interface LoopSuspect {
  readonly upstream: Upstream;
  /** Lower case, with its last dot: a zone whose queries reach our stage. */
  readonly zone: string;
}

/** Told when an upstream begins or ceases to lead back. `query` is the name that was seen. */
export type OnLoopChange = (suspect: LoopSuspect, isLooping: boolean, query: string) => void;

/** A check of one upstream. What it finds is kept by the upstream, and so outlives a reload. */
interface State {
  readonly suspect: LoopSuspect;
  /** The name of the question under way or last asked. */
  name: string;
  wasSighted: boolean;
  /** Checks to come that follow each other soon. */
  waryChecks: number;
  retries: number;
  timer: NodeJS.Timeout | null;
}

export class LoopCheck {
  /** BOUNDED by the upstreams of the block. */
  #states: readonly State[];
  readonly #onChange: OnLoopChange;
  #isRunning = false;

  constructor(suspects: readonly LoopSuspect[], onChange: OnLoopChange) {
    this.#states = suspects.map(newState);
    this.#onChange = onChange;
  }

  async start(): Promise<void> {
    this.#isRunning = true;
    for (const state of this.#states) this.#askLater(state, FIRST_DELAY_MS);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#states.forEach(end);
  }

  /** Checks these from now on; those that stay go on as they are. */
  replaceSuspects(suspects: readonly LoopSuspect[]): void {
    const before = this.#states;
    this.#states = suspects.map(
      (suspect) =>
        before.find((state) => state.suspect.upstream === suspect.upstream) ?? newState(suspect),
    );
    for (const state of before) if (!this.#states.includes(state)) end(state);
    if (!this.#isRunning) return;
    for (const state of this.#states) {
      if (!before.includes(state)) this.#askLater(state, FIRST_DELAY_MS);
    }
  }

  /** Whether `name` (lower case, last dot), just asked of us, is a question of ours come back. */
  sight(name: string): boolean {
    const state = this.#states.find((candidate) => candidate.name === name);
    if (state === undefined) return false;
    state.wasSighted = true;
    const { upstream, zone } = state.suspect;
    if (!upstream.loopingZones.has(zone)) {
      upstream.loopingZones.add(zone);
      this.#onChange(state.suspect, true, name);
    }
    return true;
  }

  /** Calls back for each upstream with what is known of it. */
  each(visit: (suspect: LoopSuspect, isLooping: boolean) => void): void {
    for (const { suspect } of this.#states) visit(suspect, isLooping(suspect));
  }

  #askLater(state: State, delayMs: number): void {
    state.timer = setTimeout(() => this.#ask(state), delayMs).unref();
  }

  #askSoon(state: State): void {
    this.#askLater(state, LOOPING_MS * (0.5 + Math.random() / 2));
  }

  #ask(state: State): void {
    const { upstream, zone } = state.suspect;
    const name = `${randomLabel()}.${randomLabel()}.${zone === '.' ? '' : zone}`;
    const question = buildQuestion(name, TYPE_HINFO, true);
    // Too long a zone for two more labels: nothing can be asked.
    if (question === null) return;
    state.name = name;
    state.wasSighted = false;
    upstream.prober.ask(question, (isAnswered) => {
      if (state.name === name) this.#asked(state, isAnswered);
    });
  }

  #asked(state: State, isAnswered: boolean): void {
    const { suspect } = state;
    if (state.wasSighted || (isLooping(suspect) && !isAnswered)) {
      state.waryChecks = WARY_CHECKS;
      this.#askSoon(state);
    } else if (isAnswered && state.waryChecks > 0) {
      state.waryChecks--;
      this.#foundWell(state);
      this.#askSoon(state);
    } else if (isAnswered) {
      state.retries = 0;
      this.#foundWell(state);
      this.#askLater(state, RECHECK_MS);
    } else {
      const isPatient = ++state.retries < MAX_RETRIES;
      this.#askLater(state, isPatient ? RETRY_MS : RECHECK_MS);
    }
  }

  #foundWell({ suspect, name }: State): void {
    if (suspect.upstream.loopingZones.delete(suspect.zone)) this.#onChange(suspect, false, name);
  }
}

function newState(suspect: LoopSuspect): State {
  return { suspect, name: '', wasSighted: false, waryChecks: 0, retries: 0, timer: null };
}

/** What is under way comes to nothing. */
function end(state: State): void {
  if (state.timer !== null) clearTimeout(state.timer);
  state.timer = null;
  state.name = '';
}

function isLooping({ upstream, zone }: LoopSuspect): boolean {
  return upstream.loopingZones.has(zone);
}

/** 64 bits from the system's generator. */
function randomLabel(): string {
  return randomBytes(8).toString('hex');
}
