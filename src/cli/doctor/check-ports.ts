import { FAMILY_V4, familyOf, ipOctets } from '../../host/ip.ts';
import { type Check, type Examination, type Finding, fault, good, note } from './examination.ts';

const SUBJECT = 'port';
const WILDCARD = { 4: '00000000', 6: '0'.repeat(32) } as const;

/** Who listens where the daemon is to listen. */
export const checkPorts: Check = async (examination) => {
  const { setup } = examination;
  const findings = setup.localAddresses.map((ip) => ownersOf(ip, examination));
  return [...findings.flat(), ...wildcardOwners(examination)];
};

function ownersOf(ip: string, examination: Examination): Finding[] {
  const { dnsPort } = examination.setup;
  const where = `${ip}:${dnsPort}`;
  const inodes = boundInodes(procAddress(ip), familyOf(ip) === FAMILY_V4 ? 4 : 6, examination);
  if (inodes.length === 0) {
    const served = examination.state?.listeners.some(({ address }) => address === '') ?? false;
    if (served) return [good(SUBJECT, `${where} is served by the listener on all addresses`)];
    return [
      fault(
        SUBJECT,
        `nobody listens on ${where}`,
        'the Corefile’s bind lines are to name the addresses of -localip',
      ),
    ];
  }
  const owners = new Set(inodes.map((inode) => examination.ownerOf(inode)));
  const known = [...owners].filter((owner) => owner !== null);
  if (known.length <= 1) return [good(SUBJECT, `${where} belongs to ${known[0] ?? 'one program'}`)];
  return [
    note(
      SUBJECT,
      `${where} is shared by ${known.join(' and ')}`,
      'during an update that is as it should be; otherwise end the other one',
    ),
  ];
}

/** Another program on all addresses takes over when ours is gone, and may be in its way. */
function wildcardOwners(examination: Examination): Finding[] {
  const { state, setup } = examination;
  if (state?.listeners.some(({ address }) => address === '')) return [];
  const inodes = [
    ...boundInodes(WILDCARD[4], 4, examination),
    ...boundInodes(WILDCARD[6], 6, examination),
  ];
  if (inodes.length === 0) return [];
  const owners = new Set(inodes.map((inode) => examination.ownerOf(inode) ?? 'another program'));
  return [
    note(
      SUBJECT,
      `${[...owners].join(' and ')} listens on port ${setup.dnsPort} of all addresses`,
      'it answers on the local addresses too while the daemon does not',
    ),
  ];
}

/** Inodes of the UDP sockets bound to an address, as /proc writes it, and the DNS port. */
function boundInodes(address: string, family: 4 | 6, { read, setup }: Examination): string[] {
  const port = setup.dnsPort.toString(16).toUpperCase().padStart(4, '0');
  const text = read(`/proc/net/${family === 4 ? 'udp' : 'udp6'}`) ?? '';
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1] === `${address}:${port}`)
    .map((columns) => columns[9]);
}

/** 32-bit words in the byte order of the machine. */
function procAddress(ip: string): string {
  const octets = ipOctets(ip);
  const words: string[] = [];
  for (let at = 0; at < octets.length; at += 4) {
    words.push(octets.readUInt32LE(at).toString(16).padStart(8, '0').toUpperCase());
  }
  return words.join('');
}
