/**
 * Errors of the node's side since the start, one field per `errortype` of
 * `coredns_nodecache_setup_errors_total` (spec §6.2). Shared by everyone who counts.
 */
export interface SetupErrors {
  /** Listing, adding or removing rules went wrong. */
  iptables: number;
  /** Another program held the xtables lock for longer than we wait. */
  iptablesLock: number;
  /** The interface could not be made. */
  interfaceAdd: number;
  /** The interface could not be looked up, or not be given its addresses. */
  interfaceCheck: number;
  /** The Corefile could not be made from its template. */
  configmap: number;
}

/** All counters at zero. */
export function createSetupErrors(): SetupErrors {
  return { iptables: 0, iptablesLock: 0, interfaceAdd: 0, interfaceCheck: 0, configmap: 0 };
}
