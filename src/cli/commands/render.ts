import { isIPv4, isIPv6 } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type Command, type CommandWords, UsageError } from '../command.ts';
import type { FlagDefinition } from '../flag-set.ts';

/** Made by scripts/pack-manifests.ts; '' where the sources run as they are. */
const PACKED = process.env.NODELOCALDNS_MANIFESTS ?? '';
const DEFAULT_KIND = 'plain';

/** A value that the manifest wants, and how it is to look. */
interface Placeholder extends FlagDefinition {
  readonly placeholder: string;
  readonly isValid: (text: string) => boolean;
}

const PLACEHOLDERS: readonly Placeholder[] = [
  {
    ...{ name: 'kube-dns', kind: 'string', fallback: '' },
    usage: 'ClusterIP of the service kube-dns: kubectl get svc -n kube-system kube-dns',
    ...{ placeholder: '__PILLAR__DNS__SERVER__', isValid: isIPv4 },
  },
  {
    ...{ name: 'local', kind: 'string', fallback: '169.254.20.10' },
    usage: 'link-local address of the cache',
    ...{ placeholder: '__PILLAR__LOCAL__DNS__', isValid: isIPv4 },
  },
  {
    ...{ name: 'domain', kind: 'string', fallback: 'cluster.local' },
    usage: 'domain of the cluster',
    placeholder: '__PILLAR__DNS__DOMAIN__',
    isValid: (text) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text),
  },
  {
    ...{ name: 'kube-dns6', kind: 'string', fallback: '' },
    usage: 'IPv6 address of the service kube-dns, for dual-stack',
    ...{ placeholder: '__PILLAR__DNS6__SERVER__', isValid: isIPv6 },
  },
  {
    ...{ name: 'local6', kind: 'string', fallback: '' },
    usage: 'a free address within fd00::/8 for the cache, for dual-stack',
    ...{ placeholder: '__PILLAR__LOCAL6__DNS__', isValid: isIPv6 },
  },
];

const IMAGE: FlagDefinition = {
  ...{ name: 'image', kind: 'string', fallback: '' },
  usage: 'image to run; without it the one that the manifest names',
};

/** `render [KIND]`: the manifest for a cluster, ready for kubectl. */
export const render: Command = {
  name: 'render',
  summary: 'the manifest for a cluster, ready for kubectl',
  parameters: '[KIND]',
  count: { min: 0, max: 1 },
  options: [...PLACEHOLDERS, IMAGE],
  help: 'Writes the manifest with the values of a cluster filled in. KIND is one of plain (the default, for\nkube-proxy in iptables or nftables mode), iptables, nftables, ipvs, dual-stack, cilium and\nfail-open-tun; docs and the comments in deploy/overlays say what they are for.',
  examples: [
    ['render --kube-dns 10.96.0.10 | kubectl apply -f -', 'the usual cluster'],
    ['render ipvs --image registry.example/nodelocaldns:0.1.0', 'kube-proxy in IPVS mode'],
  ],
  async run(words, modules) {
    const manifests = readManifests();
    const [kind = DEFAULT_KIND] = words.parameters;
    const manifest = manifests.get(kind);
    if (manifest === undefined) {
      throw new UsageError(`"${kind}" is none of ${[...manifests.keys()].join(', ')}`);
    }
    modules.write(withImage(fillIn(manifest, words), words.value('image')));
    return 0;
  },
};

function readManifests(): ReadonlyMap<string, string> {
  if (PACKED === '') throw new UsageError('the manifests are part of the build: npm run build');
  const text = gunzipSync(Buffer.from(PACKED, 'base64')).toString('utf8');
  return new Map(Object.entries(JSON.parse(text) as Record<string, string>));
}

function fillIn(manifest: string, words: CommandWords): string {
  // Comments name placeholders too, which nobody has to know a value for.
  const wanted = manifest.replace(/^\s*#.*$/gm, '');
  let text = manifest;
  for (const { name, placeholder, isValid } of PLACEHOLDERS) {
    const value = words.value(name);
    if (!wanted.includes(placeholder)) continue;
    if (value === '') throw new UsageError(`this manifest wants --${name}`);
    if (!isValid(value)) throw new UsageError(`--${name}: "${value}" is not what it should be`);
    text = text.replaceAll(placeholder, value);
  }
  return text;
}

function withImage(manifest: string, image: string): string {
  if (image === '') return manifest;
  if (!/^[\w.:/@-]+$/.test(image)) throw new UsageError(`--image: "${image}" is no image`);
  return manifest.replace(/^(\s*(?:- )?image:\s*)\S+$/gm, `$1${image}`);
}
