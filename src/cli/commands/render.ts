import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Command, type CommandWords, UsageError } from '../command.ts';
import type { FlagDefinition } from '../flag-set.ts';

/** Where `deploy` stands, seen from the bundle and from this file. */
const FOLDERS = ['../deploy/', '../../../deploy/'];
const DEFAULT_VARIANT = 'plain';

/** A value that the manifest wants, and how it is to look. */
interface Value extends FlagDefinition {
  readonly placeholder: string;
  /** What a wrong one is not. */
  readonly what: 'an IP address' | 'a domain name';
}

const VALUES: readonly Value[] = [
  {
    ...{ name: 'kubedns', kind: 'string', fallback: '', what: 'an IP address' },
    usage: 'address of the service kube-dns: kubectl get svc -n kube-system kube-dns',
    placeholder: '__PILLAR__DNS__SERVER__',
  },
  {
    ...{ name: 'localdns', kind: 'string', fallback: '169.254.20.10', what: 'an IP address' },
    usage: 'link-local address of the cache',
    placeholder: '__PILLAR__LOCAL__DNS__',
  },
  {
    ...{ name: 'domain', kind: 'string', fallback: 'cluster.local', what: 'a domain name' },
    usage: 'domain of the cluster',
    placeholder: '__PILLAR__DNS__DOMAIN__',
  },
  {
    ...{ name: 'kubedns6', kind: 'string', fallback: '', what: 'an IP address' },
    usage: 'IPv6 address of the service kube-dns, for dual-stack',
    placeholder: '__PILLAR__DNS6__SERVER__',
  },
  {
    ...{ name: 'localdns6', kind: 'string', fallback: '', what: 'an IP address' },
    usage: 'a free address within fd00::/8 for the cache, for dual-stack',
    placeholder: '__PILLAR__LOCAL6__DNS__',
  },
];

const IMAGE: FlagDefinition = {
  ...{ name: 'image', kind: 'string', fallback: '' },
  usage: 'image to run; without it the one that the manifest names',
};

/** `render [VARIANT]`: the manifest for a cluster, with its values. */
export const render: Command = {
  name: 'render',
  summary: 'the manifest for a cluster, with its values',
  parameters: '[VARIANT]',
  count: { min: 0, max: 1 },
  options: [...VALUES, IMAGE],
  help: 'Writes the manifest with the values of a cluster, for kubectl. VARIANT is the kind of cluster: plain\n(kube-proxy in iptables or nftables mode, the default), iptables, nftables, ipvs, dual-stack, cilium,\nor fail-open-tun. Talks to no cluster and no daemon.',
  examples: [
    ['render --kubedns 10.96.0.10 | kubectl apply -f -', 'the usual cluster'],
    ['render ipvs --image registry.example/nodelocaldns:0.1.0', 'kube-proxy in IPVS mode'],
  ],
  async run(words, modules) {
    const [variant = DEFAULT_VARIANT] = words.parameters;
    modules.write(withImage(fillIn(readManifest(variant), words), words.value('image')));
    return 0;
  },
};

/** A variant's manifest from its first object on: its head says how to fill in what is filled in here. */
function readManifest(variant: string): string {
  const folder = FOLDERS.map((path) => new URL(path, import.meta.url)).find((url) =>
    existsSync(new URL('manifests/', url)),
  );
  if (folder === undefined) throw new UsageError('the manifests are not installed: ../deploy');
  const files = readdirSync(new URL('manifests/', folder)).filter((name) => name.endsWith('.yaml'));
  const variants = files.map((name) => name.replace(/\.yaml$/, '')).sort();
  if (variant !== DEFAULT_VARIANT && !variants.includes(variant)) {
    const known = [DEFAULT_VARIANT, ...variants].join(', ');
    throw new UsageError(`"${variant}" is no variant; there are ${known}`);
  }
  const path = variant === DEFAULT_VARIANT ? 'base/daemonset.yaml' : `manifests/${variant}.yaml`;
  const text = readFileSync(new URL(path, folder), 'utf8');
  return text.slice(text.indexOf('apiVersion:'));
}

function fillIn(manifest: string, words: CommandWords): string {
  // Comments name placeholders too, which nobody has to know a value for.
  const wanted = manifest.replace(/^\s*#.*$/gm, '');
  let text = manifest;
  for (const { name, placeholder, what } of VALUES) {
    if (!wanted.includes(placeholder)) continue;
    const value = words.value(name);
    if (value === '') throw new UsageError(`--${name} is needed`);
    if (!isValid(value, what)) throw new UsageError(`--${name}: "${value}" is not ${what}`);
    text = text.replaceAll(placeholder, value);
  }
  return text;
}

function isValid(value: string, what: Value['what']): boolean {
  if (what === 'an IP address') return isIP(value) !== 0;
  return /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(value);
}

function withImage(manifest: string, image: string): string {
  if (image === '') return manifest;
  if (!/^[\w.:/@-]+$/.test(image)) throw new UsageError(`--image: "${image}" is no image`);
  return manifest.replace(/^(\s*(?:- )?image:\s*)\S+$/gm, `$1${image}`);
}
