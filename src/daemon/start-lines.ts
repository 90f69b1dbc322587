/** What is said when the daemon serves: each zone and where, then who we are (spec §5.13). */
import type { NodeState } from '../control/protocol.ts';
import type { Log } from '../log/log.ts';
import { VERSION } from '../metrics/version.ts';
import type { Configuration } from '../plugins/configuration.ts';

export function sayWhatIsServed(
  log: Log,
  configuration: Configuration | null,
  quiet: boolean,
): void {
  if (quiet || configuration === null) return;
  for (const { address, port, zones } of configuration.listeners) {
    for (const { zone } of zones) {
      if (!isPreferred(zone)) {
        log.plain(`Warning: Domain "${zone}" does not follow RFC1035 preferred syntax`);
      }
      log.plain(`${zone}:${port}${address === '' ? '' : ` on ${address}`}`);
    }
  }
  log.plain(`nodelocaldns-${VERSION}`);
  log.plain(`${process.platform}/${process.arch}, node${process.versions.node}`);
}

/** RFC 1035 §2.3.1: labels "must start with a letter, end with a letter or digit"; the root is none. */
function isPreferred(zone: string): boolean {
  if (zone === '.' || /(^|\.)(in-addr|ip6)\.arpa\.$/.test(zone)) return true;
  return /^([a-z]([a-z0-9-]*[a-z0-9])?\.)+$/.test(zone);
}

/** Who serves where, with what, in one line. */
export function serviceLine({
  version,
  listeners,
  upstreams,
  setup,
  interception,
}: NodeState): string {
  const places = listeners.map(({ address, port }) => `${address === '' ? '*' : address}:${port}`);
  const { held, rulesBackend } = interception;
  const parts = [
    `nodelocaldns-${version} serves ${places.join(', ')}`,
    held.length === 0 ? 'no interface' : `${held.join(', ')} on ${setup.interfaceName}`,
    setup.leaseMs === 0 || held.length === 0 ? 'no lease' : `lease ${setup.leaseMs / 1000} s`,
    rulesBackend === '' ? 'no rules' : `rules with ${rulesBackend}`,
    `upstreams ${upstreams.map(({ to }) => to).join(', ') || 'none'}`,
  ];
  return parts.join('; ');
}
