/** A node for the doctor's checks on which all is well, but for what a test changes. */
import type { Check, Examination } from '../../../../src/cli/doctor/examination.ts';
import type { NodeState } from '../../../../src/control/protocol.ts';
import { absent } from '../../host/fakes.ts';

export const LOCAL = '169.254.20.10';
export const SETUP = {
  ...{ localAddresses: [LOCAL], dnsPort: 53, healthPort: 8080, leaseMs: 2000 },
  ...{ setupInterface: true, interfaceName: 'nodelocaldns', setupRules: true },
  rulesBackend: 'auto',
} as const;

/** A daemon that has been well for ten minutes. */
export const WELL: NodeState = {
  ...{ version: '1', pid: 7, uptimeSeconds: 600, memoryOctets: 60 * 2 ** 20, nowMs: 1_000_000 },
  setup: SETUP,
  interception: {
    ...{ state: 'engaged', isHeld: true, held: [LOCAL], ruled: [LOCAL] },
    rulesBackend: 'iptables-nft',
  },
  listeners: [
    { address: LOCAL, port: 53, zones: ['.', 'cluster.local.'], received: 1000, inFlight: 0 },
  ],
  upstreams: [],
  caches: [],
  counts: {
    ...{ requests: 1000, hits: 900, misses: 100, servedStale: 0, rcodes: { NOERROR: 1000 } },
    ...{ wastedSearches: {}, leaseExpiries: {}, repairs: {} },
    hitDurations: { bounds: [], counts: [], sumSeconds: 0 },
    missDurations: { bounds: [], counts: [], sumSeconds: 0 },
  },
  corefile: { path: '/etc/Corefile', digest: '', text: 'forward . /etc/resolv.conf' },
  problems: [],
  setupErrors: {},
};

/** A node where nothing is wrong, but for what `changes` say. */
export function examination(
  changes: Partial<Examination> = {},
  files: Record<string, string> = {},
): Examination {
  return {
    ...{ state: WELL, stateError: '', stateLater: WELL, setup: SETUP },
    read: (path) => files[path] ?? null,
    run: async () => absent,
    addressesOf: async () => [LOCAL],
    ask: async () => ({ rcode: 'NOERROR', tookMs: 1 }),
    isAlive: async () => false,
    ownerOf: () => 'node (7)',
    podPid: null,
    podProcesses: () => [],
    within: (_pid, work) => work(),
    ...changes,
  };
}

/** `level: text` of each finding. */
export async function findings(check: Check, node: Examination): Promise<string[]> {
  return (await check(node)).map(({ level, text }) => `${level}: ${text}`);
}
