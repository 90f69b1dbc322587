/**
 * A budget that many clients draw on and none can use up.
 *
 * A client may hold SHARE_FACTOR times what is still free (Choudhury and Hahne, "Dynamic queue length
 * thresholds", 1998). So a client alone may hold four fifths, two greedy ones four ninths each, and
 * some room is left for those who hold little, without counting who is active.
 */

const SHARE_FACTOR = 4;

export class FairShare {
  readonly #budget: number;
  /** Units held, by client. BOUNDED by #budget. */
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  /** Units held by all. */
  get total(): number {
    return this.#total;
  }

  /** Whether somebody may have its share: not while all together hold less than one client may. */
  get isPressed(): boolean {
    return this.#total >= SHARE_FACTOR * (this.#budget - this.#total);
  }

  /** Whether `client` may take one more unit. */
  hasRoom(client: string): boolean {
    return this.#mayHold(this.#held.get(client) ?? 0);
  }

  /** Takes a unit for `client`; false when it has its share. */
  take(client: string): boolean {
    const held = this.#held.get(client) ?? 0;
    if (!this.#mayHold(held)) return false;
    this.#held.set(client, held + 1);
    this.#total++;
    return true;
  }

  /** Whether who holds this many may take one more. */
  #mayHold(held: number): boolean {
    return held < SHARE_FACTOR * (this.#budget - this.#total);
  }

  /** Gives back a unit that `client` took. */
  give(client: string): void {
    const left = (this.#held.get(client) ?? 1) - 1;
    if (left === 0) this.#held.delete(client);
    else this.#held.set(client, left);
    this.#total--;
  }
}
