/**
 * `acl [ZONES…]`: who may ask what. The first line that fits decides; what fits none is allowed.
 *
 *   acl [ZONES…] {
 *       allow|block|filter|drop [type TYPE…] [net NETWORK…]
 *   }
 *
 * It depends on the client whether a stored answer may be given, so the short cut for hits is given
 * up.
 */
import { ZoneSet } from '../cache/zone-set.ts';
import type { DirectiveUse } from '../config/token.ts';
import { addressOctets } from '../dns/address.ts';
import { extendedError } from '../dns/edns.ts';
import { RCODE_NOERROR, RCODE_REFUSED } from '../dns/header.ts';
import type { Query } from '../dns/query.ts';
import { respond } from '../dns/synthesis.ts';
import type { Catalogue } from '../metrics/catalogue.ts';
import { type AclAction, type AclPolicy, fits, readPolicy } from './acl-policy.ts';
import type { BlockContext, BlockFacts, Directive } from './directive.ts';
import { answered, type Done, DROPPED, type Stage } from './stage.ts';
import { readZones } from './zone-scope.ts';

/** One use of the directive. */
interface AclRule {
  readonly zones: readonly string[];
  readonly policies: readonly AclPolicy[];
}

export interface AclOptions {
  readonly rules: readonly AclRule[];
}

/** Extended DNS errors (RFC 8914 §4). */
const EDE_BLOCKED = 15;
const EDE_FILTERED = 17;
/** The client's address is unreadable: no network holds it. */
const NO_ADDRESS = Buffer.alloc(0);

export const acl: Directive<AclOptions> = {
  name: 'acl',
  repeatable: true,
  parse: (uses, facts) =>
    Object.freeze({ rules: Object.freeze(uses.map((use) => readRule(use, facts))) }),
  stage(options, context, next) {
    context.declineHitPath();
    return new AccessControl(options, context, next);
  },
};

function readRule({ args, lines }: DirectiveUse, facts: BlockFacts): AclRule {
  const policies = Object.freeze(lines.map(readPolicy));
  return Object.freeze({ zones: readZones(args, facts.zones), policies });
}

/** What was decided for a query, and for which zone. */
interface Verdict {
  readonly action: AclAction;
  readonly zone: string;
}

const ALLOWED: Verdict = { action: 'allow', zone: '' };

class AccessControl implements Stage {
  readonly #rules: readonly { readonly zones: ZoneSet; readonly policies: readonly AclPolicy[] }[];
  readonly #catalogue: Catalogue;
  readonly #next: Stage;

  constructor({ rules }: AclOptions, { catalogue }: BlockContext, next: Stage) {
    this.#rules = rules.map(({ zones, policies }) => ({ zones: new ZoneSet(zones), policies }));
    this.#catalogue = catalogue;
    this.#next = next;
  }

  resolve(query: Query, done: Done): void {
    const verdict = this.#judge(query);
    count(this.#catalogue, query.server, verdict);
    if (verdict.action === 'allow') this.#next.resolve(query, done);
    else if (verdict.action === 'drop') done(DROPPED);
    else done(answered(refusal(query, verdict.action), 'acl'));
  }

  #judge(query: Query): Verdict {
    const client = addressOctets(query.client.address) ?? NO_ADDRESS;
    for (const { zones, policies } of this.#rules) {
      const zone = zones.find(query.key);
      if (zone === null) continue;
      const policy = policies.find((candidate) => fits(candidate, query.qtype, client));
      if (policy !== undefined) return { action: policy.action, zone };
    }
    return ALLOWED;
  }
}

/** REFUSED for what is blocked, no records for what is filtered. */
function refusal(query: Query, action: 'block' | 'filter') {
  return action === 'block'
    ? respond(query, { rcode: RCODE_REFUSED, options: [extendedError(EDE_BLOCKED, '')] })
    : respond(query, { rcode: RCODE_NOERROR, options: [extendedError(EDE_FILTERED, '')] });
}

const METRICS = {
  allow: 'coredns_acl_allowed_requests_total',
  block: 'coredns_acl_blocked_requests_total',
  filter: 'coredns_acl_filtered_requests_total',
  drop: 'coredns_acl_dropped_requests_total',
} as const;

/** Counts one query, for good. */
function count(catalogue: Catalogue, server: string, { action, zone }: Verdict): void {
  const counter = catalogue.lasting(`acl ${action} ${server} ${zone}`, () => {
    const made = { requests: 0 };
    const labels = action === 'allow' ? { server, view: '' } : { server, zone, view: '' };
    catalogue.source(METRICS[action], (emit) => emit(labels, made.requests));
    return made;
  });
  counter.requests++;
}
