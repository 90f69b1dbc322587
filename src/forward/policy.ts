/** In which order a query tries its upstreams (`policy`, spec §5.4). */
import { randomBelow } from './random.ts';

export const POLICIES = ['random', 'round_robin', 'sequential'] as const;
export type PolicyName = (typeof POLICIES)[number];

export class Policy {
  readonly #name: PolicyName;
  /** Queries ordered so far, for taking turns. */
  #turn = 0;

  constructor(name: PolicyName) {
    this.#name = name;
  }

  /** The order for one query. May be `list` itself: not to be changed. */
  order<T>(list: readonly T[]): readonly T[] {
    if (list.length < 2 || this.#name === 'sequential') return list;
    return this.#name === 'random' ? shuffled(list) : this.#rotated(list);
  }

  /** The next one first, the others in the order of the configuration. */
  #rotated<T>(list: readonly T[]): readonly T[] {
    this.#turn = (this.#turn + 1) % list.length;
    const first = list[this.#turn];
    return [first, ...list.filter((item) => item !== first)];
  }
}

function shuffled<T>(list: readonly T[]): readonly T[] {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i--) {
    const other = randomBelow(i + 1);
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}
