/**
 * The cache against a model that is too simple to be wrong: a list of what was answered last, per
 * question, with times.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { a, type Got, type Reply, soa, startCache } from '../../helpers/cache-fixture.ts';
import { FUZZ_TIMEOUT_MS, runs } from '../budget.ts';

const MAX_TTL = 20;
const MIN_TTL = 5;
const SERVFAIL_TTL = 3;
const STALE_SECONDS = 30;
const COREFILE = `cache ${MAX_TTL} {
  servfail ${SERVFAIL_TTL}s
  serve_stale ${STALE_SECONDS}s verify 0 0 0
}`;

type Kind = 'success' | 'denial' | 'failure' | 'refused';

interface Step {
  readonly name: string;
  readonly waitMs: number;
  readonly upstream: { readonly kind: Kind; readonly ttl: number; readonly octet: number };
}

interface Remembered {
  readonly kind: Kind;
  readonly rcode: number;
  readonly data: readonly string[];
  readonly lifetime: number;
  readonly storedAtMs: number;
}

/** What a client sees, and whether the upstream was asked. */
interface Seen {
  readonly rcode: number;
  readonly ttl: number | null;
  readonly data: readonly unknown[];
  readonly asked: boolean;
}

class Model {
  readonly #remembered = new Map<string, Remembered>();

  ask({ name, upstream: { kind, ttl, octet } }: Step, nowMs: number): Seen {
    const known = this.#remembered.get(name);
    const ageMs = known === undefined ? 0 : nowMs - known.storedAtMs;
    const left = known === undefined ? 0 : known.lifetime - Math.floor(ageMs / 1000);
    if (known !== undefined && left > 0) return this.#show(known, left, false);
    const mayBeStale = known !== undefined && ageMs < (known.lifetime + STALE_SECONDS) * 1000;
    const bounded = Math.min(Math.max(ttl, MIN_TTL), MAX_TTL);
    const fresh: Remembered = {
      kind,
      rcode: { success: 0, denial: 3, failure: 2, refused: 5 }[kind],
      data: kind === 'success' ? [`192.0.2.${octet}`] : [],
      lifetime: kind === 'failure' ? SERVFAIL_TTL : bounded,
      storedAtMs: nowMs,
    };
    const good = kind === 'success' || kind === 'denial';
    const displaces = kind === 'failure' && (!mayBeStale || known?.kind === 'failure');
    if (good || displaces) this.#remembered.set(name, fresh);
    if (mayBeStale && !good) return this.#show(known, 0, true);
    return this.#show(fresh, fresh.lifetime, true);
  }

  #show({ kind, rcode, data }: Remembered, ttl: number, asked: boolean): Seen {
    return { rcode, data, ttl: kind === 'success' || kind === 'denial' ? ttl : null, asked };
  }
}

function replyOf({ kind, ttl, octet }: Step['upstream']): Reply {
  if (kind === 'success') return { answers: [a(ttl, octet)] };
  if (kind === 'denial') return { rcode: 'NXDOMAIN', authorities: [soa(ttl)] };
  return { rcode: kind === 'failure' ? 'SERVFAIL' : 'REFUSED' };
}

const step: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom('a.test', 'b.test', 'c.b.test'),
  waitMs: fc.oneof(fc.nat(3000), fc.nat(40_000), fc.constantFrom(0, 1000, 5000, 20_000, 50_000)),
  upstream: fc.record({
    kind: fc.constantFrom<Kind>('success', 'success', 'denial', 'failure', 'refused'),
    ttl: fc.nat(30),
    octet: fc.integer({ min: 1, max: 254 }),
  }),
});

test('clients see what a simple model of the cache says they see', {
  timeout: FUZZ_TIMEOUT_MS,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const { ask, clock, upstream } = await startCache(COREFILE);
      const model = new Model();
      for (const current of steps) {
        clock.advance(current.waitMs / 1000);
        upstream.reply = () => replyOf(current.upstream);
        const before = upstream.seen.length;
        const { rcode, ttl, data }: Got = ask(current.name);
        const seen: Seen = { rcode, ttl, data, asked: upstream.seen.length > before };
        expect(seen).toEqual(model.ask(current, clock.nowMs()));
      }
    }),
    runs(300),
  );
});

test('under any load the stores hold no more than they may, and forget nothing they need not', {
  timeout: FUZZ_TIMEOUT_MS,
}, async () => {
  const names = fc.array(fc.nat(1500), { minLength: 1100, maxLength: 2500 });
  await fc.assert(
    fc.asyncProperty(names, async (numbers) => {
      const { ask, upstream } = await startCache('cache {\nsuccess 1024\n}');
      const recent: number[] = [];
      for (const number of numbers) {
        const before = upstream.seen.length;
        ask(`n${number}.test`);
        const at = recent.indexOf(number);
        // True LRU: a name among the 1,024 asked for last is there, any other is not.
        expect(upstream.seen.length === before).toBe(at >= 0);
        if (at >= 0) recent.splice(at, 1);
        recent.unshift(number);
        if (recent.length > 1024) recent.pop();
      }
    }),
    runs(3),
  );
});
