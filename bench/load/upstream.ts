/** The upstream of all servers: nsd with a zone of many names, one like a cluster's, and one for all stub domains. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_CORE, Program } from './process.ts';
import { untilAnswering } from './wait.ts';

/** How many numbered names fill the caches: `n0`, `n1`, … */
export const NAME_COUNT = 20_000;
/** How many of them are asked for once each: processor time is counted in steps of 10 ms. */
export const MISS_COUNT = 100_000;
/** Numbered names behind those, for warming up. */
export const WARM_UP_COUNT = 40_000;
/** Names in this zone go upstream over UDP where the server makes a difference. */
export const PLAIN_ZONE = 'bench.example';
/** Names in this zone go upstream over TCP in the stock Corefile. */
export const CLUSTER_ZONE = 'svc.cluster.local';
/** Stub domains are below it; every name in it that is in no other zone has the same address. */
export const STUB_PARENT = 'example';

export async function startUpstream(folder: string, port: number): Promise<Program> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'plain.zone'), zone(PLAIN_ZONE, ''));
  writeFileSync(join(folder, 'cluster.zone'), zone('cluster.local', '.svc'));
  const wildcard = [...apex(STUB_PARENT), '* IN A 10.0.0.1', ''].join('\n');
  writeFileSync(join(folder, 'stubs.zone'), wildcard);
  writeFileSync(join(folder, 'nsd.conf'), configuration(folder, port));
  const program = new Program(LOAD_CORE, ['nsd', '-d', '-c', join(folder, 'nsd.conf')]);
  await untilAnswering(program, port);
  return program;
}

function zone(name: string, infix: string): string {
  const lines = apex(name);
  for (let i = 0; i < MISS_COUNT + WARM_UP_COUNT; i++) {
    const octets = `${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
    lines.push(`n${i}${infix} IN A 10.${octets}`);
  }
  return `${lines.join('\n')}\n`;
}

/** TTLs of an hour: what the caches keep is decided by them. */
function apex(name: string): string[] {
  return [
    `$ORIGIN ${name}.`,
    '$TTL 3600',
    '@ IN SOA ns hostmaster 1 7200 1800 86400 30',
    '@ IN NS ns',
    'ns IN A 127.0.0.1',
  ];
}

function configuration(folder: string, port: number): string {
  return `server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  tcp-count: 1000
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${PLAIN_ZONE}
  zonefile: plain.zone
zone:
  name: cluster.local
  zonefile: cluster.zone
zone:
  name: ${STUB_PARENT}
  zonefile: stubs.zone
`;
}
