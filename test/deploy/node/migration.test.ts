/**
 * docs/migration.md, walked through in namespaces: each of its commands that needs no cluster, in
 * the document's order, where it says. What the others do to the node is done here.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Cluster,
  FROM_CACHE,
  FROM_KUBE_DNS,
  KUBE_DNS,
  LINK_LOCAL,
} from '../../host/harness/cluster.ts';
import { NODE, until } from '../../host/harness/command.ts';
import { Daemon } from '../../host/harness/daemon.ts';
import { find, readManifest } from '../manifests/manifest.ts';

const root = new URL('../../../', import.meta.url).pathname;
const TEXT = readFileSync(`${root}docs/migration.md`, 'utf8');

/** Commands of the document: the rest of their fence says where they run. */
interface Commands {
  readonly place: 'node' | 'pod' | 'anywhere' | '';
  readonly script: string;
}

let cluster: Cluster;
let daemon: Daemon;

/** What brings the node to where a section finds it. */
const STAGES: Readonly<Record<string, () => Promise<void>>> = {
  // With -lease=0 addresses, rules and what a kill leaves are node-cache's.
  Before: async () => {
    daemon = await Daemon.start(cluster, ['-lease=0']);
  },
  'Check the node': async () => {
    expect(await daemon.stop()).toBe(0);
    expect(cluster.who()).toBe(FROM_KUBE_DNS);
    daemon = await Daemon.start(cluster);
    await until('rules and addresses', () => cluster.ourRules().length >= 24);
  },
  'All nodes': async () => {},
  'Go back': async () => {
    expect(await daemon.stop()).toBe(0);
  },
  'If something is left': async () => {
    daemon = await Daemon.start(cluster, ['-lease=0']);
    daemon.kill();
    await daemon.ended;
    expect(cluster.who()).not.toBe(FROM_CACHE);
  },
};

beforeAll(async () => {
  cluster = await Cluster.create();
  const { folder } = cluster.node;
  const program = join(folder, 'nodelocaldns');
  writeFileSync(program, `#!/bin/sh\nexec ${NODE} ${root}dist/nodelocaldns.js "$@"\n`);
  chmodSync(program, 0o755);
  symlinkSync(`${root}daemonset.yaml`, join(folder, 'daemonset.yaml'));
  const manifest = readManifest(
    readFileSync(`${root}daemonset.yaml`, 'utf8')
      .replaceAll('__PILLAR__DNS__SERVER__', KUBE_DNS)
      .replaceAll('__PILLAR__DNS__DOMAIN__', 'cluster.local'),
  );
  writeFileSync(join(folder, 'Corefile.base'), find(manifest, 'ConfigMap').data?.Corefile ?? '');
});
afterAll(async () => {
  daemon?.kill();
  await cluster?.destroy();
});

/** The sections of the document, and the commands in each. */
const sections = TEXT.split(/^## /m)
  .slice(1)
  .map((text) => ({
    title: text.slice(0, text.indexOf('\n')),
    blocks: [...text.matchAll(/^```sh ?(\w*)\n([\s\S]*?)^```$/gm)].map(
      ([, place, script]) => ({ place, script }) as Commands,
    ),
  }));

/** Runs commands as the reader does; the first that fails ends them. */
function run({ place, script }: Commands): { status: number | null; output: string } {
  const { folder } = cluster.node;
  const values = `localdns=${LINK_LOCAL} kubedns=${KUBE_DNS} domain=cluster.local PATH=${folder}:$PATH`;
  // A command after "!" fails the script only by itself.
  const lines = script
    .trim()
    .split('\n')
    .map((line) => `{ ${line}; } || exit`);
  const text = `export ${values}; cd ${folder}; set -o pipefail\n${lines.join('\n')}\n`;
  if (place === 'anywhere') {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', text], { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  }
  const { status, stdout, stderr } = cluster[place as 'node' | 'pod'].try('bash', '-c', text);
  return { status, output: stdout + stderr };
}

test('every section whose commands run has its stage here', () => {
  const titles = sections.filter(({ blocks }) => blocks.some(({ place }) => place !== ''));
  expect(titles.map(({ title }) => title)).toEqual(Object.keys(STAGES));
});

describe.each(sections.filter(({ title }) => title in STAGES))('$title', ({ title, blocks }) => {
  test('all commands do what the document says', async () => {
    await STAGES[title]();
    for (const commands of blocks.filter(({ place }) => place !== '')) {
      const { status, output } = run(commands);
      expect(status, `${commands.script}\n${output}\n${daemon.output}`).toBe(0);
    }
  });
});

test('the commands for a cluster are all kubectl’s, or set variables', () => {
  for (const { blocks } of sections) {
    for (const { script } of blocks.filter(({ place }) => place === '')) {
      for (const line of script.trim().split('\n')) expect(line).toMatch(/^(kubectl|export) /);
      expect(spawnSync('bash', ['-n', '-c', script]).status).toBe(0);
    }
  }
});
