/**
 * Writes what the overlays in `deploy` come to into `deploy/manifests`: for those who do not use
 * kustomize, and for `nodelocaldns render`. Wants kubectl.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';

const deploy = new URL('../deploy/', import.meta.url).pathname;

/** The overlays, by the names of their folders. */
export const overlays: readonly string[] = readdirSync(`${deploy}overlays`).sort();

/** The manifest that an overlay comes to. Throws when kubectl cannot render it. */
export function renderOverlay(name: string): string {
  const text = execFileSync('kubectl', ['kustomize', `${deploy}overlays/${name}`], {
    encoding: 'utf8',
    // Newer releases complain of field names that older ones need.
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return `# Written by scripts/render-manifests.ts from deploy/overlays/${name}.\n${text}`;
}

if (import.meta.main) {
  for (const name of overlays)
    writeFileSync(`${deploy}manifests/${name}.yaml`, renderOverlay(name));
}
