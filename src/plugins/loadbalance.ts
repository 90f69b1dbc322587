/**
 * `loadbalance [round_robin | weighted FILE]`: changes the order of addresses in answers, stored ones
 * too, so that clients that take the first one spread (spec §5.12).
 *
 *   loadbalance [round_robin | weighted FILE] {
 *       reload DURATION     of FILE, 30s by default; 0s: never
 *       prefer CIDR…        addresses in these networks come first
 *   }
 */
import { CorefileError } from '../config/corefile-error.ts';
import type { DirectiveUse, Token } from '../config/token.ts';
import { checkCount, readDurationMs, unknownOption } from '../config/values.ts';
import type { Answer } from '../dns/answer.ts';
import { RCODE_NOERROR } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { changeAnswer } from '../dns/synthesis.ts';
import { TYPE_AXFR, TYPE_IXFR } from '../dns/type.ts';
import type { BlockContext, Directive } from './directive.ts';
import {
  isWorthOrdering,
  type Ordering,
  preferring,
  roundRobin,
  weighted,
} from './loadbalance-order.ts';
import { WeightFile, type WeightFileOptions } from './loadbalance-weights.ts';
import { type Network, readNetwork } from './network.ts';
import type { Done, Stage } from './stage.ts';

/** Up to the longest delay that a timer takes. */
const RELOAD_MS = { default: 30_000, min: 0, max: 0x7fff_ffff };

export interface LoadbalanceOptions {
  /** Null: every address is as likely to come first. */
  readonly weights: WeightFileOptions | null;
  /** In order of preference. */
  readonly prefer: readonly Network[];
}

export const loadbalance: Directive<LoadbalanceOptions> = {
  name: 'loadbalance',
  repeatable: true,
  parse(uses) {
    const options = uses.map(readUse);
    const prefer = Object.freeze(options.flatMap((use) => use.prefer));
    return Object.freeze({ weights: options[options.length - 1].weights, prefer });
  },
  stage(options, context, next) {
    // A stored answer is to be ordered anew for each client.
    context.declineHitPath();
    return new OrderStage(orderingOf(options, context), next);
  },
};

function readUse({ args, lines }: DirectiveUse): LoadbalanceOptions {
  const path = readPolicy(args);
  let reloadMs = RELOAD_MS.default;
  const prefer: Network[] = [];
  for (const { words } of lines) {
    const [option, ...values] = words;
    if (option.text === 'prefer') prefer.push(...values.map(readNetwork));
    else if (option.text === 'reload' && path !== null) {
      checkCount(option, values, { min: 1, max: 1 });
      reloadMs = readDurationMs(values[0], RELOAD_MS);
    } else throw unknownOption('loadbalance', option);
  }
  return { weights: path === null ? null : { path: path.text, reloadMs }, prefer };
}

/** The file with weights; null for round robin. */
function readPolicy(args: readonly Token[]): Token | null {
  if (args.length === 0) return null;
  const [policy, ...values] = args;
  const count = policy.text === 'weighted' ? 1 : 0;
  if (count === 0 && policy.text !== 'round_robin') {
    const message = `"${policy.text}" is not one of round_robin, weighted`;
    throw new CorefileError('argument-value', message, policy);
  }
  checkCount(policy, values, { min: count, max: count });
  return values[0] ?? null;
}

function orderingOf({ weights, prefer }: LoadbalanceOptions, context: BlockContext): Ordering {
  const log = context.log.forPlugin('loadbalance');
  const first =
    weights === null
      ? roundRobin
      : weighted(
          context.parts.take(JSON.stringify(['loadbalance', weights]), () => {
            return new WeightFile(weights, { log });
          }),
        );
  return prefer.length === 0 ? first : preferring(prefer, first);
}

class OrderStage implements Stage {
  readonly #ordering: Ordering;
  readonly #next: Stage;

  constructor(ordering: Ordering, next: Stage) {
    this.#ordering = ordering;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    this.#next.resolve(query, (outcome) => {
      const { answer } = outcome;
      const ordered = answer && isToBeOrdered(query, answer) ? this.#order(answer) : null;
      done(ordered === null ? outcome : { ...outcome, answer: ordered });
    });
  }

  #order(answer: Answer): Answer | null {
    return changeAnswer(answer, this.#ordering);
  }
}

/** Zone transfers have an order of their own; a signed message (RFC 8945) must stay as it is. */
function isToBeOrdered(query: Query, answer: Answer): boolean {
  if (answer.rcode !== RCODE_NOERROR || answer.hasTsig) return false;
  if (query.qtype === TYPE_AXFR || query.qtype === TYPE_IXFR) return false;
  return isWorthOrdering(answer);
}
