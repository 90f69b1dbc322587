/**
 * Fills in the placeholders of a Corefile template (spec §3.1).
 *
 * Every placeholder may be written with or without `PILLAR__`. Operators replace some of them with
 * `sed` before the file gets here; what is left is ours to fill in or to complain about.
 */
import { isIPv6 } from 'node:net';
import { CorefileError } from './corefile-error.ts';
import { type Environment, lex } from './lexer.ts';

/** What placeholders are replaced by. */
export interface TemplateValues {
  /** The addresses of `-localip`, at least one. */
  readonly localAddresses: readonly string[];
  /** The address of the kube-dns-upstream service; null when nobody knows it. */
  readonly upstreamAddress: string | null;
  /** The environment variable it would have stood in. */
  readonly upstreamVariable: string;
  /** `upstreamNameservers` of kube-dns; empty: /etc/resolv.conf. */
  readonly upstreamServers: readonly string[];
  /** The value of `-prometheus-listen-address`. */
  readonly prometheusAddress: string;
}

/** A template filled in. */
export interface FilledTemplate {
  readonly text: string;
  readonly warnings: readonly string[];
}

/** How to set what only the operator can know. */
const HINTS: ReadonlyMap<string, string> = new Map([
  [
    'DNS__DOMAIN',
    'replace it in the manifest: sed "s/__PILLAR__DNS__DOMAIN__/cluster.local/g" (with your cluster\'s domain)',
  ],
]);

const PLACEHOLDER = /__(?:PILLAR__)?([A-Z]+(?:__[A-Z]+)+)__/g;

/**
 * Fills in a template. Throws CorefileError `placeholder` for one that cannot be resolved.
 *
 * @param path of the template, for the error
 */
export function fillTemplate(
  template: string,
  path: string,
  values: TemplateValues,
): FilledTemplate {
  const warnings: string[] = [];
  const withTransport =
    values.upstreamServers.length === 0 ? template : withoutForceTcp(template, warnings);
  const text = replaceAll(withTransport, values);
  refuseUnresolved(text, path, values);
  return { text, warnings };
}

/**
 * The environment variable that kubelet puts a service's cluster IP in: `kube-dns-upstream` →
 * `KUBE_DNS_UPSTREAM_SERVICE_HOST`.
 */
export function serviceHostVariable(serviceName: string): string {
  return `${serviceName.replaceAll('-', '_').toUpperCase()}_SERVICE_HOST`;
}

/** Exactly this block asks for TCP only because kube-dns is upstream; servers of the user's own are asked over UDP. */
const FORCE_TCP_BLOCK =
  /(\n {4}forward \. __(?:PILLAR__)?UPSTREAM__SERVERS__) \{\n {12}force_tcp\n {4}\}\n/g;
const OTHER_FORCE_TCP = /forward[^\n{]*__UPSTREAM__SERVERS__[^\n{]*\{[^}]*\bforce_tcp\b/;

function withoutForceTcp(template: string, warnings: string[]): string {
  const text = template.replace(FORCE_TCP_BLOCK, '$1\n');
  if (OTHER_FORCE_TCP.test(text)) {
    warnings.push(
      'force_tcp stays for upstreamNameservers: its block is not formed as in the manifest',
    );
  }
  return text;
}

/** Replaces what is known; the rest stays as it is. */
function replaceAll(text: string, values: TemplateValues): string {
  const { localAddresses, upstreamAddress, upstreamServers, prometheusAddress } = values;
  const servers = upstreamServers.length === 0 ? ['/etc/resolv.conf'] : upstreamServers;
  // `health __PILLAR__LOCAL__DNS__:8080` wants one address, however many there are.
  const first = withBrackets(localAddresses[0]);
  const upstream = upstreamAddress === null ? null : withBrackets(upstreamAddress);
  return text
    .replace(/__(?:PILLAR__)?LOCAL__DNS__(?=:\d)/g, () => first)
    .replace(/__(?:PILLAR__)?CLUSTER__DNS__(?=:\d)/g, (placeholder) => upstream ?? placeholder)
    .replace(PLACEHOLDER, (placeholder, name) => {
      switch (name) {
        case 'UPSTREAM__SERVERS':
          return servers.join(' ');
        case 'CLUSTER__DNS':
          return upstreamAddress ?? placeholder;
        case 'LOCAL__DNS':
          return localAddresses.join(' ');
        // Left over where kube-dns' own address is not listened on (IPVS).
        case 'DNS__SERVER':
          return '';
        case 'PROMETHEUS__ENDPOINT':
          return prometheusAddress;
        default:
          return placeholder;
      }
    });
}

function withBrackets(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

/** Words only: what stands in a comment harms nobody. */
function refuseUnresolved(text: string, path: string, values: TemplateValues): void {
  const env: Environment = {};
  for (const word of lex(text, path, env)) {
    const found = [...word.text.matchAll(PLACEHOLDER)][0];
    if (found === undefined) continue;
    const [placeholder, name] = found;
    const message = `"${placeholder}" has no value: ${hintFor(name, values)}`;
    throw new CorefileError('placeholder', message, word);
  }
}

/**
 * Throws CorefileError `placeholder` for a Corefile that is none but a template: only the file of
 * `-basecorefile` is filled in.
 */
export function refuseTemplate(text: string, path: string): void {
  for (const word of lex(text, path, {})) {
    const placeholder = /__PILLAR__[A-Z_]*[A-Z]__/.exec(word.text)?.[0];
    if (placeholder === undefined) continue;
    const message = `"${placeholder}" has no value: only a template is filled in; name this file with -basecorefile, and another one with -conf`;
    throw new CorefileError('placeholder', message, word);
  }
}

function hintFor(name: string, { upstreamVariable }: TemplateValues): string {
  if (name === 'CLUSTER__DNS') {
    return `set -upstreamip, or let the environment have ${upstreamVariable} (is -upstreamsvc right, and did that service exist before this pod?)`;
  }
  return HINTS.get(name) ?? 'this placeholder is not known; replace it in the manifest';
}
