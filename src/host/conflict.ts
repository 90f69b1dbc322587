/** What can be known before anything is set up: that it cannot work, why, and the way out. */
import type { Log } from '../log/log.ts';
import { CAP_NET_ADMIN, hasCapability } from './capabilities.ts';
import { HostError } from './host-error.ts';
import { canonicalIp } from './ip.ts';
import type { NetlinkSocket } from './netlink-socket.ts';

/** The device on which kube-proxy in IPVS mode puts every ClusterIP. */
const IPVS_INTERFACE = 'kube-ipvs0';

/** Throws HostError when this process may not change the network. */
export function checkNetAdmin(status?: string): void {
  if (hasCapability(CAP_NET_ADMIN, status)) return;
  throw new HostError(
    'net-admin',
    'this process may not change the network: add NET_ADMIN to securityContext.capabilities.add, or leave the network alone with -setupinterface=false -setupiptables=false',
  );
}

/**
 * Looks for the local addresses on other interfaces. kube-proxy's IPVS device is an error
 * (HostError), anything else gets a warning.
 */
export async function checkAddresses(
  options: { localIps: readonly string[]; interfaceName: string },
  { socket, log }: { socket: NetlinkSocket; log: Log },
): Promise<void> {
  const wanted = new Set(options.localIps.map(canonicalIp));
  const ours = (await socket.link(options.interfaceName))?.index;
  const ipvs = (await socket.link(IPVS_INTERFACE))?.index;
  for (const { ip, linkIndex } of await socket.addresses()) {
    if (!wanted.has(ip) || linkIndex === ours) continue;
    if (linkIndex !== ipvs) {
      log.warning(`the local address ${ip} is on another interface too (number ${linkIndex})`);
      continue;
    }
    throw new HostError(
      'ipvs',
      `kube-proxy runs in IPVS mode and owns ${ip} on ${IPVS_INTERFACE}, where it cannot be intercepted: take ${ip} out of -localip, keep the link-local address there, and give that one to kubelet as --cluster-dns`,
    );
  }
}
