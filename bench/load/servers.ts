/** How each server is started with an equal cache in front of the same upstream. */
import { join } from 'node:path';
import { stubZones } from './stub-zones.ts';

/** How queries go to the upstream. */
export type Upstream = 'tcp' | 'udp';

export interface Setup {
  /** A folder for the server's files. */
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly upstream: Upstream;
  /** Server blocks of ten stub domains each, beside the stock ones; for us alone. */
  readonly stubBlocks: number;
  /** How long answers are kept at most. */
  readonly maxTtlSeconds: number;
  /** For metrics. */
  readonly metricsPort: number;
}

/** What has to be written and run. */
export interface Launch {
  readonly command: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Where it serves metrics, and which file it reloads; absent: neither is asked of it. */
  readonly metricsPort?: number;
  readonly corefile?: string;
}

export interface Server {
  readonly name: string;
  /** Must be on the PATH; '' for what is part of this project. */
  readonly program: string;
  readonly versionCommand: readonly string[];
  /** null when it cannot talk to the upstream that way. */
  launch(setup: Setup): Launch | null;
}

/** Entries that each cache may hold, and how long they live: what the stock Corefile allows. */
const CAPACITY = 10_000;
export const STOCK_TTL_SECONDS = 30;

const root = new URL('../..', import.meta.url).pathname;
const NODE = join(root, 'node_modules/node/bin/node');

/** The stock four blocks. The cluster's names go upstream over TCP, the rest over UDP. */
function corefile(setup: Setup): string {
  const { port, upstreamPort, stubBlocks, maxTtlSeconds, metricsPort } = setup;
  const block = (zone: string, cache: string, options: string) =>
    `${zone}:${port} {
    errors
    ${cache}
    reload
    loop
    bind 127.0.0.1
    forward . 127.0.0.1:${upstreamPort}${options}
    prometheus 127.0.0.1:${metricsPort}
    }
`;
  const cluster = `cache {\n        success 9984 ${maxTtlSeconds}\n        denial 9984 5\n    }`;
  const forceTcp = ' {\n        force_tcp\n    }';
  return [
    block('cluster.local', cluster, forceTcp),
    block('in-addr.arpa', 'cache 30', forceTcp),
    block('ip6.arpa', 'cache 30', forceTcp),
    block('.', 'cache 30', ''),
    ...Array.from({ length: stubBlocks }, (_, i) => block(stubKeys(i, port), 'cache 30', '')),
  ].join('');
}

/** The keys of a block, without the port of the last. */
function stubKeys(blockNumber: number, port: number): string {
  return stubZones(blockNumber).join(`:${port} `);
}

/** Flags of node-cache, which are ours too. */
function nodeCacheLaunch(program: readonly string[], setup: Setup): Launch {
  const path = join(setup.folder, 'Corefile');
  const flags = [
    ...['-conf', path, '-basecorefile', `${path}.base`, '-localip', '127.0.0.1'],
    ...['-setupinterface=false', '-setupiptables=false', '-metrics-listen-address', '127.0.0.1:0'],
  ];
  const files = { Corefile: corefile(setup) };
  return { command: [...program, ...flags], files, metricsPort: setup.metricsPort, corefile: path };
}

/** Our daemon as it was built into `folder`. */
export function build(name: string, folder: string): Server {
  const program = [NODE, join(folder, 'nodelocaldns.js')];
  return {
    name,
    program: '',
    versionCommand: [...program, '-version'],
    launch: (setup) => nodeCacheLaunch(program, setup),
  };
}

const ours = build('nodelocaldns', join(root, 'dist'));

/** The floor: the same batched input and output, and no DNS in between. */
const echo: Server = {
  name: 'echo',
  program: '',
  versionCommand: [NODE, '--version'],
  launch: ({ port }) => ({
    command: [NODE, join(root, 'bench/load/echo.ts'), `${port}`],
    files: {},
  }),
};

const unbound: Server = {
  name: 'unbound',
  program: 'unbound',
  versionCommand: ['unbound', '-V'],
  launch: ({ folder, port, upstreamPort, upstream, maxTtlSeconds }) => ({
    command: ['unbound', '-d', '-c', join(folder, 'unbound.conf')],
    files: {
      'unbound.conf': `server:
  interface: 127.0.0.1@${port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  num-threads: 1
  so-rcvbuf: 4m
  module-config: "iterator"
  msg-cache-size: 16m
  rrset-cache-size: 32m
  cache-max-ttl: ${maxTtlSeconds}
  tcp-upstream: ${upstream === 'tcp' ? 'yes' : 'no'}
  outgoing-range: 1024
  num-queries-per-thread: 1024
  incoming-num-tcp: 1000
  outgoing-num-tcp: 100
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstreamPort}
`,
    },
  }),
};

const dnsdist: Server = {
  name: 'dnsdist',
  program: 'dnsdist',
  versionCommand: ['dnsdist', '--version'],
  launch: ({ folder, port, upstreamPort, upstream, maxTtlSeconds }) => ({
    command: ['dnsdist', '-C', join(folder, 'dnsdist.conf'), '--supervised', '--disable-syslog'],
    files: {
      'dnsdist.conf': `setLocal('127.0.0.1:${port}')
setACL({'127.0.0.0/8'})
newServer({address='127.0.0.1:${upstreamPort}', tcpOnly=${upstream === 'tcp'}, checkType='SOA', checkName='bench.example.'})
getPool(''):setCache(newPacketCache(${2 * CAPACITY}, {maxTTL=${maxTtlSeconds}}))
setMaxTCPClientThreads(1)
`,
    },
  }),
};

const dnsmasq: Server = {
  name: 'dnsmasq',
  program: 'dnsmasq',
  versionCommand: ['dnsmasq', '--version'],
  launch: ({ port, upstreamPort, upstream, maxTtlSeconds }) =>
    upstream === 'tcp'
      ? null
      : {
          command: [
            ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file='],
            ...['--user=root', `--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces'],
            ...['--no-resolv', '--no-hosts', `--server=127.0.0.1#${upstreamPort}`],
            ...[`--cache-size=${CAPACITY}`, `--max-cache-ttl=${maxTtlSeconds}`],
            '--dns-forward-max=1000',
          ],
          files: {},
        },
};

const nodeCache: Server = {
  name: 'node-cache',
  program: 'node-cache',
  versionCommand: ['node-cache', '-version'],
  launch: (setup) => ({ ...nodeCacheLaunch(['node-cache'], setup), env: { GOMAXPROCS: '1' } }),
};

/** Ours first: the others are given as ratios to it. */
export const SERVERS: readonly Server[] = [ours, unbound, dnsdist, dnsmasq, nodeCache];
export const FLOOR: Server = echo;
