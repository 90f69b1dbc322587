/** The interception as metrics: whether the node's DNS comes here, and what it took. */
import type { Catalogue } from '../metrics/catalogue.ts';
import type { InterceptionOptions, InterceptionReport } from './interception.ts';
import type { NodeEvents } from './node-events.ts';

/** How the interception stands, in one word: the label `state`. */
export const INTERCEPTION_STATES = [
  /** Neither interface nor rules are our business. */
  'off',
  'starting',
  /** Every local address is held and has its rules. */
  'intercepting',
  /** Some addresses, or addresses without their rules. */
  'partial',
  /** No address is held: kube-dns answers. */
  'withheld',
  'stopping',
] as const;
export type InterceptionWord = (typeof INTERCEPTION_STATES)[number];

/** What of the options decides what is to be. */
export type InterceptionWish = Pick<
  InterceptionOptions,
  'localIps' | 'setupInterface' | 'setupIptables' | 'leaseMs'
>;

export function interceptionWord(
  { state, isHeld, held, ruled }: InterceptionReport,
  { localIps, setupInterface, setupIptables }: InterceptionWish,
): InterceptionWord {
  if (!setupInterface && !setupIptables) return 'off';
  if (state === 'stopped') return 'stopping';
  if (state !== 'engaged') return 'starting';
  const has = (ip: string) => !setupInterface || (isHeld && held.includes(ip));
  const isRuled = (ip: string) => !setupIptables || ruled.includes(ip);
  if (localIps.every((ip) => has(ip) && isRuled(ip))) return 'intercepting';
  return localIps.some(has) ? 'partial' : 'withheld';
}

/** Shows the interception. Whether a lease is held is said only where there is one. */
export function showInterception(
  catalogue: Catalogue,
  wish: InterceptionWish,
  { report, events }: { report: () => InterceptionReport; events: NodeEvents },
): void {
  catalogue.source('nodelocaldns_interception_state', (emit) => {
    const word = interceptionWord(report(), wish);
    for (const state of INTERCEPTION_STATES) emit({ state }, state === word ? 1 : 0);
  });
  catalogue.source('nodelocaldns_repairs_total', (emit) => {
    for (const [kind, count] of Object.entries(events.repairs)) emit({ kind }, count);
  });
  const hasLease = wish.setupInterface && wish.leaseMs > 0;
  catalogue.source('nodelocaldns_lease_held', (emit) => {
    if (hasLease) emit({}, report().isHeld ? 1 : 0);
  });
  catalogue.source('nodelocaldns_lease_renewals_total', (emit) => emit({}, events.leaseRenewals));
  catalogue.source('nodelocaldns_lease_expiries_total', (emit) => {
    for (const [reason, count] of Object.entries(events.leaseExpiries)) emit({ reason }, count);
  });
}
