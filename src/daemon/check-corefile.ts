/** Whether a file would be taken as Corefile, or as the template of one, without a daemon. */
import { readFile } from 'node:fs/promises';
import type { CorefileCheck } from '../cli/command.ts';
import type { DaemonFlags } from '../cli/flags.ts';
import { CorefileError } from '../config/corefile-error.ts';
import { fillTemplate } from '../config/template.ts';
import { type Configuration, loadCorefile } from '../plugins/configuration.ts';

const PLACEHOLDER = /__(?:PILLAR__)?[A-Z]+(?:__[A-Z]+)+__/;
const DNS_PORT = 53;

/** Rejects with the file system's error when `path` cannot be read. */
export async function checkCorefile(
  path: string,
  flags: DaemonFlags | null,
): Promise<CorefileCheck> {
  const text = await readFile(path, 'utf8');
  try {
    const filled = PLACEHOLDER.test(text) ? fill(text, path, flags) : { text, warnings: [] };
    const configuration = loadCorefile(
      { text: filled.text, path, env: process.env },
      { defaultPort: flags?.dnsPort ?? DNS_PORT, ...ownInterface(flags) },
    );
    const warnings = [...filled.warnings, ...configuration.warnings];
    return { faults: [], warnings, served: servedText(configuration) };
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    return { faults: [error, ...error.others], warnings: [], served: [] };
  }
}

function fill(text: string, path: string, flags: DaemonFlags | null) {
  return fillTemplate(text, path, {
    localAddresses: flags?.localAddresses ?? [],
    upstreamAddress: flags?.upstreamAddress ?? null,
    upstreamVariable: flags?.upstreamVariable ?? '',
    upstreamServers: [],
    prometheusAddress: flags?.prometheusAddress ?? '',
  });
}

function ownInterface(flags: DaemonFlags | null) {
  if (flags === null || !flags.setupInterface) return {};
  return { ownInterface: { name: flags.interfaceName, addresses: flags.localAddresses } };
}

function servedText({ listeners }: Configuration): string[] {
  return listeners.flatMap(({ address, port, zones }) =>
    zones.map(({ zone }) => `${zone}:${port}${address === '' ? '' : ` on ${address}`}`),
  );
}
