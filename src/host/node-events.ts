/**
 * What happened to the interception since the start, for the metrics. Shared by everyone who counts;
 * what goes wrong while the node is set up is in setup-errors.ts.
 */
export interface NodeEvents {
  /** The lease was renewed after our own listeners answered. */
  leaseRenewals: number;
  /** The lease ended: our listeners did not answer, or this process stood still for too long. */
  readonly leaseExpiries: { unanswered: number; standstill: number };
  /**
   * Something that others had removed was put back: the interface, addresses on it, or rules,
   * however many of them at once.
   */
  readonly repairs: { interface: number; address: number; rules: number };
}

/** All counters at zero. */
export function createNodeEvents(): NodeEvents {
  return {
    leaseRenewals: 0,
    leaseExpiries: { unanswered: 0, standstill: 0 },
    repairs: { interface: 0, address: 0, rules: 0 },
  };
}
