/** What is said when the daemon serves: each zone and where, then who we are (spec §5.13). */
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
    for (const { zone } of zones)
      log.plain(`${zone}:${port}${address === '' ? '' : ` on ${address}`}`);
  }
  log.plain(`nodelocaldns-${VERSION}`);
  log.plain(`${process.platform}/${process.arch}, node${process.versions.node}`);
}
