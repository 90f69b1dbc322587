/** The cluster that `nodelocaldns demo` pretends to be in: a few services, and their addresses. */
import packet from 'dns-packet';

/** TTL of kube-dns' answers. */
const TTL_SECONDS = 30;
const RCODE_NXDOMAIN = 3;
const ZONES = ['cluster.local', 'in-addr.arpa', 'ip6.arpa'];

/** Services by name, with the addresses that they or their pods have. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.default.svc.cluster.local': ['10.96.0.1', 'fd00:10:96::1'],
  'kube-dns.kube-system.svc.cluster.local': ['10.96.0.10', 'fd00:10:96::a'],
  'web.shop.svc.cluster.local': ['10.96.20.30', 'fd00:10:96::14:1e'],
  // A headless service: one address for each of its pods.
  'database.shop.svc.cluster.local': ['10.244.1.7', '10.244.2.9', '10.244.3.4'],
};

const RECORDS: readonly packet.Answer[] = [
  ...Object.entries(ADDRESSES).flatMap(([name, addresses]) => addresses.flatMap(recordsOf(name))),
  {
    type: 'SRV',
    name: '_https._tcp.kubernetes.default.svc.cluster.local',
    ttl: TTL_SECONDS,
    data: { priority: 0, weight: 100, port: 443, target: 'kubernetes.default.svc.cluster.local' },
  },
];

/** Answers a DNS message as the cluster's DNS would; null when it is no query that can be read. */
export function answerFromDemoZone(message: Buffer): Buffer | null {
  let query: packet.DecodedPacket;
  try {
    query = packet.decode(message);
  } catch {
    return null;
  }
  const question = query.questions?.[0];
  if (query.type !== 'query' || question === undefined) return null;
  const name = question.name.toLowerCase();
  const sameName = RECORDS.filter((record) => record.name === name);
  const answers = sameName.filter((record) => record.type === question.type);
  const rcode = sameName.length === 0 ? RCODE_NXDOMAIN : 0;
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: packet.AUTHORITATIVE_ANSWER | (query.flag_rd ? packet.RECURSION_DESIRED : 0) | rcode,
    questions: [question],
    answers,
    authorities: answers.length === 0 ? [startOfAuthority(name)] : [],
  });
}

/** The address record of a service, and the way back from the address. */
function recordsOf(name: string): (address: string) => packet.Answer[] {
  return (address) => [
    { type: address.includes(':') ? 'AAAA' : 'A', name, ttl: TTL_SECONDS, data: address },
    { type: 'PTR', name: reverseName(address), ttl: TTL_SECONDS, data: name },
  ];
}

/** `10.96.0.1` → `1.0.96.10.in-addr.arpa`, IPv6 by its 32 digits (RFC 3596 §2.5). */
function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head, tail] = address.split('::').map((part) => part.split(':'));
  const middle = Array(8 - head.length - tail.length).fill('0');
  const digits = [...head, ...middle, ...tail].map((group) => group.padStart(4, '0')).join('');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}

/** RFC 2308 §3: a negative answer carries the SOA record of its zone. */
function startOfAuthority(name: string): packet.SoaAnswer {
  const zone = ZONES.find((end) => name === end || name.endsWith(`.${end}`)) ?? '.';
  return {
    type: 'SOA',
    name: zone,
    ttl: TTL_SECONDS,
    data: {
      mname: 'ns.dns.cluster.local',
      rname: 'hostmaster.cluster.local',
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: TTL_SECONDS,
    },
  };
}
