/** The Corefile in force: the template filled in, and a block for each stub domain (spec §3.1, §3.2). */
import { type KubeDnsConfig, KubeDnsConfigError, type StubDomain } from './kube-dns-config.ts';
import type { Environment } from './lexer.ts';
import { parseCorefile } from './parser.ts';
import { readServerKey } from './server-key.ts';
import { type FilledTemplate, fillTemplate, type TemplateValues } from './template.ts';

/** What the Corefile is made from. */
export interface CorefileParts {
  readonly template: string;
  readonly templatePath: string;
  readonly kubeDns: KubeDnsConfig;
  /** The port of stub domains and of keys without one. */
  readonly dnsPort: number;
  readonly env: Environment;
  /** `upstreamServers` come from `kubeDns`. */
  readonly values: Omit<TemplateValues, 'upstreamServers'>;
}

/**
 * The text of the Corefile. Throws CorefileError for the template, KubeDnsConfigError for a stub
 * domain that the template serves already.
 */
export function effectiveCorefile(parts: CorefileParts): FilledTemplate {
  const { template, templatePath, kubeDns, dnsPort, values } = parts;
  const { upstreamServers, stubDomains } = kubeDns;
  const filled = fillTemplate(template, templatePath, { ...values, upstreamServers });
  if (stubDomains.length > 0) refuseServedTwice(filled.text, parts);
  const bind = values.localAddresses.join(' ');
  const blocks = stubDomains.map((stub) => stubBlock(stub, dnsPort, bind));
  return { ...filled, text: filled.text + blocks.join('') };
}

function stubBlock({ domain, servers }: StubDomain, port: number, bind: string): string {
  return `
${domain}:${port} {
    errors
    cache 30
    bind ${bind}
    forward . ${servers.join(' ')}
}
`;
}

/** Says which stub domain is too much, before the Corefile is refused for a zone that is there twice. */
function refuseServedTwice(
  text: string,
  { kubeDns, dnsPort, env, templatePath }: CorefileParts,
): void {
  const { blocks } = parseCorefile({ text, path: templatePath, env });
  const served = new Set(
    blocks
      .flatMap(({ keys }) => keys.flatMap((key) => readServerKey(key, dnsPort)))
      .map(({ zone, port }) => `${zone}:${port}`),
  );
  const twice = kubeDns.stubDomains.find(({ domain }) => served.has(`${domain}.:${dnsPort}`));
  if (twice === undefined) return;
  const message = `stubDomains: the Corefile serves "${twice.domain}" itself`;
  throw new KubeDnsConfigError('duplicate-zone', message);
}
