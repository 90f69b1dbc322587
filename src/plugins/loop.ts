/**
 * `loop`: notices when queries sent to an upstream come back here, and leaves that upstream out
 * (spec §5.5). The original ends the process instead, and with it the node's DNS.
 */
import { randomUUID } from 'node:crypto';
import { checkCount, unknownOption } from '../config/values.ts';
import { RCODE_REFUSED } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { TYPE_HINFO } from '../dns/type.ts';
import { LoopCheck, type LoopSuspect } from '../forward/loop-check.ts';
import type { Upstream } from '../forward/upstream.ts';
import { addressText } from '../forward/upstream.ts';
import type { Log } from '../log/log.ts';
import type { BlockContext, Directive, Part } from './directive.ts';
import { FairStage } from './fair-stage.ts';
import { ForwardStage } from './forward-stage.ts';
import { type Done, failed, type Stage } from './stage.ts';

/** Nothing to choose. */
export type LoopOptions = null;

export const loop: Directive<LoopOptions> = {
  name: 'loop',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 0 });
    if (lines.length > 0) throw unknownOption('loop', lines[0].words[0]);
    return null;
  },

  stage(_options, context, next) {
    // `forward` comes right behind `loop` in the chain; without it nothing leaves this server.
    const forwards = forwardsFrom(next);
    if (forwards.length === 0) return next;
    const guard = new LoopGuard(forwards, context);
    guard.leaveOutLooping();
    // A key of its own: every configuration checks anew.
    context.parts.take(`loop ${randomUUID()}`, () => guard);
    return { resolve: (query, done) => guard.resolve(query, next, done) };
  },
};

/** Sees the questions that come back, and keeps the block's forwards away from where they went. */
class LoopGuard implements Part {
  readonly #forwards: readonly ForwardStage[];
  readonly #context: BlockContext;
  readonly #log: Log;
  readonly #blockZone: string;
  readonly #check: LoopCheck;
  /** Who sent the query that is being looked at, for the log. */
  #sender = '';
  #removeSource: (() => void) | null = null;

  constructor(forwards: readonly ForwardStage[], context: BlockContext) {
    this.#forwards = forwards;
    this.#context = context;
    this.#log = context.log.forPlugin('loop');
    this.#blockZone = context.zones[0] ?? '.';
    this.#check = new LoopCheck(
      suspectsOf(forwards, this.#blockZone),
      (suspect, isLooping, query) => this.#changed(suspect, isLooping, query),
    );
  }

  async start(): Promise<void> {
    this.#removeSource = this.#context.catalogue.source('nodelocaldns_loop_detected', (emit) =>
      this.#check.each(({ upstream, zone }, isLooping) =>
        emit({ zone, to: upstream.to }, isLooping ? 1 : 0),
      ),
    );
    // Host names may have other addresses by now, and later.
    for (const { forwarder } of this.#forwards) forwarder.onReplaced = () => this.#lookAgain();
    this.#lookAgain();
    await this.#check.start();
  }

  async stop(): Promise<void> {
    this.#removeSource?.();
    for (const { forwarder } of this.#forwards) forwarder.onReplaced = () => {};
    await this.#check.stop();
  }

  resolve(query: Query, next: Stage, done: Done): void {
    if (query.qtype === TYPE_HINFO) {
      this.#sender = addressText(query.client.address, query.client.port);
      if (this.#check.sight(query.name)) {
        // Here the circle is cut: the question goes no further.
        done(failed(RCODE_REFUSED, ''));
        return;
      }
    }
    next.resolve(query, done);
  }

  /** Keeps the forwards away from upstreams that are known to lead back here. */
  leaveOutLooping(): void {
    const looping = new Set<Upstream>();
    this.#check.each(({ upstream }, isLooping) => {
      if (isLooping) looping.add(upstream);
    });
    for (const { forwarder } of this.#forwards) forwarder.excludeLooping(looping);
  }

  #lookAgain(): void {
    this.#check.replaceSuspects(suspectsOf(this.#forwards, this.#blockZone));
    this.leaveOutLooping();
  }

  #changed({ upstream, zone }: LoopSuspect, isLooping: boolean, name: string): void {
    this.leaveOutLooping();
    if (!isLooping) {
      this.#log.info(`${upstream.to} no longer leads back here for zone "${zone}", using it again`);
      return;
    }
    const [listener] = this.#context.listeners;
    const where = listener === undefined ? '' : addressText(listener.address, listener.port);
    this.#log.error(
      `Loop (${this.#sender} -> ${where}) detected for zone "${zone}", see ` +
        `https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${name}". ` +
        `${upstream.to} is left out as long as what is sent there comes back`,
    );
  }
}

/** The `forward` stages of the block, in their order. */
function forwardsFrom(first: Stage): ForwardStage[] {
  const forwards: ForwardStage[] = [];
  const start = first instanceof FairStage ? first.next : first;
  for (let stage = start; stage instanceof ForwardStage; stage = stage.next) forwards.push(stage);
  return forwards;
}

/** Each upstream once, with the narrowest zone of those it is used for. */
function suspectsOf(forwards: readonly ForwardStage[], blockZone: string): LoopSuspect[] {
  const suspects = new Map<Upstream, LoopSuspect>();
  for (const { forwarder, from } of forwards) {
    // A `forward` for part of the block's zone is asked about that part.
    const zone = from.endsWith(`.${blockZone}`) || blockZone === '.' ? from : blockZone;
    for (const upstream of forwarder.upstreams) {
      if (!suspects.has(upstream)) suspects.set(upstream, { upstream, zone });
    }
  }
  return [...suspects.values()];
}
