/** What a cluster's DNS knows, as kube-dns would tell it, and what pods with `ndots:5` ask it. */

export const DOMAIN = 'cluster.local';
const NAMESPACES = Array.from({ length: 12 }, (_, i) => `team-${i}`);
const SERVICES = Array.from({ length: 5 }, (_, i) => `web-${i}`);
const OUTSIDE = Array.from(
  { length: 200 },
  (_, i) => `api-${i}.site-${i % 40}.${['com', 'io'][i % 2]}`,
);

/** Names that exist, those between them and the domain included. */
const existing = new Set<string>();
const addresses = new Map<string, string>();

function add(name: string, address: string): void {
  addresses.set(name, address);
  for (let at = name; at !== ''; at = at.slice(at.indexOf('.') + 1)) {
    existing.add(at);
    if (at === DOMAIN) return;
  }
}

NAMESPACES.forEach((namespace, i) => {
  SERVICES.forEach((service, j) => {
    add(`${service}.${namespace}.svc.${DOMAIN}`, `10.96.${i}.${j}`);
    add(`pod-0.${service}.${namespace}.svc.${DOMAIN}`, `10.1.${i}.${j}`);
  });
});

/** What the cluster's DNS says to a question. */
export interface ClusterAnswer {
  readonly exists: boolean;
  /** Of the type asked for; null when there is none. */
  readonly address: string | null;
}

/** `name` in lower case without its last dot. */
export function askCluster(name: string, type: string): ClusterAnswer {
  const address = type === 'A' ? (addresses.get(name) ?? null) : null;
  return { exists: existing.has(name), address };
}

/** One question of a pod. */
export interface PodQuestion {
  readonly name: string;
  readonly type: 'A' | 'AAAA';
}

/**
 * What resolvers of pods ask in one look-up after the other: each takes the search list as far as it
 * must, for A and AAAA at once. Names outside the cluster end with nothing in its domain.
 */
export function podLookups(count: number, seed: number): PodQuestion[][] {
  const random = numbers(seed);
  const pick = <T>(list: readonly T[], skew = 1) =>
    list[Math.floor(random() ** skew * list.length)];
  return Array.from({ length: count }, () => {
    const namespace = pick(NAMESPACES);
    const name = pickName(random, pick);
    const search = [`${namespace}.svc.${DOMAIN}`, `svc.${DOMAIN}`, DOMAIN];
    const questions: PodQuestion[] = [];
    for (const suffix of search) {
      const full = `${name}.${suffix}`;
      questions.push({ name: full, type: 'A' }, { name: full, type: 'AAAA' });
      if (askCluster(full, 'A').address !== null) break;
    }
    return questions;
  });
}

/** Two names in three are outside the cluster, some asked for much more often than others. */
function pickName(random: () => number, pick: <T>(list: readonly T[], skew?: number) => T): string {
  const kind = random();
  if (kind < 0.62) return pick(OUTSIDE, 2);
  if (kind < 0.66) return `u${Math.floor(random() * 1e6)}.tracker.com`;
  if (kind < 0.85) return pick(SERVICES);
  if (kind < 0.95) return `${pick(SERVICES)}.${pick(NAMESPACES)}`;
  return `${pick(SERVICES)}.${pick(NAMESPACES)}.svc.${DOMAIN}`;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
