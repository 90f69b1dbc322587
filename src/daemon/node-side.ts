/** The node's side of the daemon: its interception, renewed while our own listeners answer. */
import type { DaemonFlags } from '../cli/flags.ts';
import { Interception, type InterceptionModules } from '../host/interception.ts';
import { probeSelf, UdpProbe } from '../host/self-probe.ts';
import { loadLibc } from '../sockets/libc.ts';

/** Well under the second between two renewals; of a longer lease, a part, since a slow node is why it was chosen. */
const PROBE_DEADLINE_MS = 400;
const PROBE_PART_OF_LEASE = 5;
/** TCP is asked in every fifth probe: it costs a connection. */
const TCP_EVERY = 5;

export function createInterception(
  flags: DaemonFlags,
  modules: Omit<InterceptionModules, 'probe'>,
): Interception {
  return new Interception(
    {
      localIps: flags.localAddresses,
      dnsPort: flags.dnsPort,
      healthPort: flags.healthPort,
      interfaceName: flags.interfaceName,
      interfaceType: flags.interfaceType,
      leaseMs: flags.leaseMs,
      setupInterface: flags.setupInterface,
      setupIptables: flags.setupRules,
      rules: flags.rulesBackend,
      syncIntervalMs: flags.syncIntervalMs,
      bindsAhead: loadLibc().libc !== null,
    },
    {
      ...modules,
      probe: createProbe({
        dnsPort: flags.dnsPort,
        deadlineMs: Math.max(PROBE_DEADLINE_MS, flags.leaseMs / PROBE_PART_OF_LEASE),
      }),
    },
  );
}

/**
 * The probe of our own listeners: over UDP, and now and then over TCP. Where no answer came is asked again until one does.
 */
export function createProbe({
  dnsPort,
  deadlineMs = PROBE_DEADLINE_MS,
}: {
  readonly dnsPort: number;
  readonly deadlineMs?: number;
}): (ip: string) => Promise<boolean> {
  let turn = 0;
  /** By address, since a socket costs more than a question. BOUNDED by the local addresses. */
  const probes = new Map<string, UdpProbe>();
  const askUdp = (ip: string) => {
    const probe = probes.get(ip) ?? new UdpProbe({ ip, port: dnsPort, deadlineMs });
    probes.set(ip, probe);
    return probe.ask();
  };
  const askTcp = (ip: string) => probeSelf({ ip, port: dnsPort, transport: 'tcp', deadlineMs });
  return async (ip) => {
    const answered = await (turn % TCP_EVERY === 0 ? askTcp(ip) : askUdp(ip));
    if (answered) turn++;
    return answered;
  };
}
