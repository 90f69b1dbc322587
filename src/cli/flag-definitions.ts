/** The daemon's flags: node-cache's, those it has from CoreDNS, and our own (spec §1.2, §1.3). */
import type { FlagDefinition } from './flag-set.ts';

const NODE_CACHE_FLAGS = [
  {
    name: 'localip',
    kind: 'string',
    fallback: '',
    usage: 'comma-separated list of IP addresses to serve DNS on',
  },
  {
    name: 'setupinterface',
    kind: 'boolean',
    fallback: 'true',
    usage: 'make, maintain and remove the interface that has the addresses',
  },
  {
    name: 'interfacename',
    kind: 'string',
    fallback: 'nodelocaldns',
    usage: 'name of that interface',
  },
  {
    name: 'syncinterval',
    kind: 'seconds',
    fallback: '60s',
    usage:
      'time between checks of interface and rules; 60, 60s and, as node-cache had it, 60ns are all 60 seconds',
  },
  {
    name: 'metrics-listen-address',
    kind: 'string',
    fallback: '0.0.0.0:9353',
    usage: "address for the daemon's own metrics",
  },
  {
    name: 'setupiptables',
    kind: 'boolean',
    fallback: 'true',
    usage: 'install, maintain and remove the rules that lead queries past connection tracking',
  },
  {
    name: 'basecorefile',
    kind: 'string',
    fallback: '/etc/coredns/Corefile.base',
    usage: 'template of the Corefile',
  },
  {
    name: 'corefile',
    kind: 'string',
    fallback: '/etc/Corefile',
    usage: 'Corefile to write and to load, unless -conf names one',
  },
  {
    name: 'kubednscm',
    kind: 'string',
    fallback: '',
    usage:
      'folder where the ConfigMap of kube-dns is mounted; without it /etc/kube-dns, if that exists',
  },
  {
    name: 'upstreamsvc',
    kind: 'string',
    fallback: 'kube-dns',
    usage: 'service whose cluster IP is the upstream of the cluster zones',
  },
  {
    name: 'health-port',
    kind: 'string',
    fallback: '8080',
    usage: 'port of the health directive, for the rules',
  },
  {
    name: 'skipteardown',
    kind: 'boolean',
    fallback: 'false',
    usage: 'leave interface and rules in place at the end',
  },
  {
    name: 'reloadwithsignal',
    kind: 'boolean',
    fallback: 'false',
    usage: 'reload as soon as the Corefile has been written',
  },
  {
    name: 'prometheus-listen-address',
    kind: 'string',
    fallback: ':9253',
    usage: 'what __PROMETHEUS__ENDPOINT__ in the template stands for',
  },
  {
    name: 'setupebtables',
    kind: 'boolean',
    fallback: 'false',
    usage: 'ignored: only old releases of node-cache had it',
  },
  {
    name: 'i',
    kind: 'string',
    fallback: '',
    usage: 'ignored: only old releases of node-cache had it',
  },
] as const satisfies FlagDefinition[];

const COREDNS_FLAGS = [
  {
    name: 'conf',
    kind: 'string',
    fallback: '',
    usage: 'Corefile to write and to load',
  },
  {
    name: 'dns.port',
    kind: 'string',
    fallback: '53',
    usage: 'port of server blocks that name none, of stub domains and of the rules',
  },
  {
    name: 'p',
    kind: 'string',
    fallback: '53',
    usage: 'the same as -dns.port',
    aliasOf: 'dns.port',
  },
  {
    name: 'pidfile',
    kind: 'string',
    fallback: '',
    usage: 'file to write the process ID to once DNS is served',
  },
  {
    name: 'quiet',
    kind: 'boolean',
    fallback: 'false',
    usage: 'do not print the list of zones and the version',
  },
  { name: 'plugins', kind: 'boolean', fallback: 'false', usage: 'list the directives and end' },
  { name: 'version', kind: 'boolean', fallback: 'false', usage: 'show the version and end' },
] as const satisfies FlagDefinition[];

/** What only this daemon has. */
const OWN_FLAGS = [
  {
    name: 'lease',
    kind: 'duration',
    fallback: '2s',
    usage: 'how long addresses stay when the daemon no longer answers; 0: until they are removed',
  },
  {
    name: 'interfacetype',
    kind: ['dummy', 'tun'],
    fallback: 'dummy',
    usage: 'kind of the interface',
  },
  {
    name: 'rules',
    kind: ['auto', 'iptables', 'nftables'],
    fallback: 'auto',
    usage: 'what the rules are installed with',
  },
  {
    name: 'shutdown-delay',
    kind: 'duration',
    fallback: '0s',
    usage: 'how long to go on answering after SIGTERM while queries come in',
  },
  {
    name: 'udpsegments',
    kind: 'boolean',
    fallback: 'true',
    usage: 'give the kernel several UDP replies to one client as one (UDP_SEGMENT)',
  },
  { name: 'log-format', kind: ['text', 'json'], fallback: 'text', usage: 'form of the log lines' },
  {
    name: 'upstreamip',
    kind: 'string',
    fallback: '',
    usage: 'upstream of the cluster zones, instead of the cluster IP of -upstreamsvc',
  },
] as const satisfies FlagDefinition[];

export const FLAG_DEFINITIONS = [...NODE_CACHE_FLAGS, ...COREDNS_FLAGS, ...OWN_FLAGS] as const;

export type FlagName = (typeof FLAG_DEFINITIONS)[number]['name'];
