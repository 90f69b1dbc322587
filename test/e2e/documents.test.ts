/** What the documents and the manifest show is started as it stands there. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { prepareDaemon, type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const root = new URL('../../', import.meta.url);

/** One Corefile in a document. */
interface Snippet {
  readonly place: string;
  readonly text: string;
}

/** Everything fenced as ```corefile, by document and line. */
const snippets: Snippet[] = readdirSync(new URL('docs', root))
  .filter((name) => name.endsWith('.md'))
  .flatMap((name) => {
    const text = readFileSync(new URL(`docs/${name}`, root), 'utf8');
    return [...text.matchAll(/^```corefile\n([\s\S]*?)^```$/gm)].map((match) => ({
      place: `${name}:${text.slice(0, match.index).split('\n').length}`,
      text: match[1],
    }));
  });

describe('the Corefiles in docs', () => {
  test('are there', () => {
    expect(snippets.length).toBeGreaterThan(0);
  });

  test.each(snippets.map(({ place, text }) => [place, text]))('%s starts', async (_, text) => {
    const { process } = await startDaemon({ corefile: runnable(text) });
    await process.untilOutput('linux/');
    expect(process.exit, process.output).toBeNull();
  });
});

/** The same with addresses and ports that a test may use. */
function runnable(text: string): string {
  const used = text
    .replaceAll('/etc/resolv.conf', '127.0.0.1:{UP}')
    .replaceAll(':9253', '127.0.0.1:{METRICS}')
    .replace(/\S*:8080/g, '127.0.0.1:{HEALTH}')
    .replace(/:53\b/g, ':{PORT}')
    .replace(/^(\s*bind) .*[^{]$/gm, '$1 127.0.0.1');
  // A snippet that shows one directive stands for a whole block.
  return /^[^\s#].*\{$/m.test(used) ? used : `.:{PORT} {\n    bind 127.0.0.1\n${used}\n}\n`;
}

test('the Corefile of daemonset.yaml starts with its placeholders filled in', async () => {
  const manifest = readFileSync(new URL('daemonset.yaml', root), 'utf8');
  const block = /^ {2}Corefile: \|\n((?: {4}.*\n)+)/m.exec(manifest)?.[1] ?? '';
  const template = block
    .replace(/^ {4}/gm, '')
    .replaceAll('__PILLAR__DNS__DOMAIN__', 'cluster.local')
    .replaceAll(':9253', '127.0.0.1:{METRICS}')
    .replaceAll('__PILLAR__LOCAL__DNS__:8080', '127.0.0.1:{HEALTH}')
    .replaceAll('__PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__', '127.0.0.1')
    .replaceAll(':53', ':{PORT}');
  const daemon = await startDaemon({
    corefile: '',
    template,
    flags: ['-upstreamsvc', 'kube-dns-upstream'],
    env: { KUBE_DNS_UPSTREAM_SERVICE_HOST: '127.0.0.99' },
  });
  const written = readFileSync(daemon.corefilePath, 'utf8');
  expect(written.match(/forward \. 127\.0\.0\.99 \{/g)).toHaveLength(3);
  expect(written).toContain('forward . /etc/resolv.conf');
  expect(written).not.toContain('__PILLAR__');
  await daemon.process.untilOutput(`cluster.local.:${daemon.ports.dns} on 127.0.0.1`);
});

test('stub domains and upstreams of the kube-dns ConfigMap come into the Corefile', async () => {
  const daemon = await startWithConfigMap({
    stubDomains: '{"acme.example": ["127.0.0.1:{UP}"]}',
    upstreamNameservers: '["127.0.0.98"]',
  });
  const written = readFileSync(daemon.corefilePath, 'utf8');
  expect(written).toContain('acme.example:');
  expect(written).toContain('forward . 127.0.0.98');
});

async function startWithConfigMap(files: Record<string, string>): Promise<RunningDaemon> {
  const daemon = await prepareDaemon({
    corefile: '',
    template: '.:{PORT} {\n    bind 127.0.0.1\n    forward . __PILLAR__UPSTREAM__SERVERS__\n}\n',
    flags: ['-kubednscm', 'kube-dns'],
  });
  const folder = join(daemon.folder, 'kube-dns');
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text.replaceAll('{UP}', `${daemon.ports.upstream}`));
  }
  await daemon.process.untilListening(daemon.ports.dns);
  return daemon;
}
