/** The questions of the scenarios, as files for dnsperf. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STUB_BLOCKS, stubZones } from './stub-zones.ts';
import { CLUSTER_ZONE, MISS_COUNT, NAME_COUNT, PLAIN_ZONE, WARM_UP_COUNT } from './upstream.ts';

const HIT_COUNT = 1000;
/** Questions in the mixed file; enough for ten seconds at full speed. */
const MIX_COUNT = 400_000;
/** Search domains of a pod, tried in this order before the name itself (ndots:5). */
const SEARCH = ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];

/** Paths of the files, by what they ask. */
export interface QueryFiles {
  readonly hits: string;
  readonly mixedCase: string;
  readonly unknown: string;
  /** As many as in `hits`: a name in each stub zone. */
  readonly stubs: string;
  readonly plainOnce: string;
  readonly plainWarmUp: string;
  readonly clusterOnce: string;
  readonly clusterWarmUp: string;
  /** Half of either zone: as many names as the stock caches hold together. */
  readonly bothZones: string;
  readonly mix: string;
}

export function writeQueries(folder: string): QueryFiles {
  const write = (name: string, lines: readonly string[]) => {
    const path = join(folder, `${name}.queries`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const numbered = (count: number, zone: string, first = 0) =>
    Array.from({ length: count }, (_, i) => `n${first + i}.${zone} A`);
  const others = (zone: string) => numbered(WARM_UP_COUNT, zone, MISS_COUNT);
  return {
    hits: write('hits', numbered(HIT_COUNT, CLUSTER_ZONE)),
    mixedCase: write('mixed-case', numbered(HIT_COUNT, CLUSTER_ZONE).map(mixCase)),
    unknown: write('unknown', numbered(HIT_COUNT, `absent.${CLUSTER_ZONE}`)),
    stubs: write(
      'stubs',
      Array.from({ length: STUB_BLOCKS }, (_, i) => stubZones(i))
        .flat()
        .map((zone) => `n0.${zone} A`),
    ),
    plainOnce: write('plain-once', numbered(MISS_COUNT, PLAIN_ZONE)),
    plainWarmUp: write('plain-warm-up', others(PLAIN_ZONE)),
    clusterOnce: write('cluster-once', numbered(MISS_COUNT, CLUSTER_ZONE)),
    clusterWarmUp: write('cluster-warm-up', others(CLUSTER_ZONE)),
    bothZones: write('both-zones', [
      ...numbered(NAME_COUNT / 2, CLUSTER_ZONE),
      ...numbered(NAME_COUNT / 2, PLAIN_ZONE),
    ]),
    mix: write('mix', kubernetesMix()),
  };
}

/** Every third letter in upper case, as resolvers do that use 0x20 bits. */
function mixCase(line: string): string {
  const [name, type] = line.split(' ');
  return `${[...name].map((c, i) => (i % 3 === 0 ? c.toUpperCase() : c)).join('')} ${type}`;
}

/**
 * What pods ask: an outside name goes through the whole search list as A and AAAA, a service is
 * found at once. One name in ten was never asked before.
 */
function kubernetesMix(): string[] {
  const lines: string[] = [];
  for (let i = 0; lines.length < MIX_COUNT; i++) {
    const isNew = i % 10 === 0;
    const first = isNew ? `u${i}` : `n${(i * 7) % 500}`;
    const names =
      i % 3 === 0
        ? [`${first}.${CLUSTER_ZONE}`]
        : [...SEARCH.map((domain) => `${first}.${PLAIN_ZONE}.${domain}`), `${first}.${PLAIN_ZONE}`];
    for (const name of names) lines.push(`${name} A`, `${name} AAAA`);
  }
  return lines;
}
