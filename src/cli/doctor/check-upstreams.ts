import { isIP } from 'node:net';
import { parseResolvConf, usableServers } from '../../forward/resolv-conf.ts';
import { durationText } from '../text-table.ts';
import {
  type Check,
  type Examination,
  type Finding,
  fault,
  good,
  note,
  type Server,
  warning,
} from './examination.ts';

const SUBJECT = 'upstream';
const RESOLV_CONF = '/etc/resolv.conf';
const DNS_PORT = 53;
const MAX_ASKED = 16;

/** Whether the upstreams answer us over both transports, asked apart from the daemon. */
export const checkUpstreams: Check = async (examination) => {
  const checks = upstreamsOf(examination).map((target) => checkOne(target, examination));
  const findings = (await Promise.all(checks)).flat();
  // Queries go to those that answer.
  const isServed = findings.some(({ level }) => level === 'good');
  return findings.map((finding) =>
    isServed && finding.level === 'fault' ? { ...finding, level: 'warning' } : finding,
  );
};

/** Whether the node's resolv.conf leads back to us. */
export const checkResolvConf: Check = async ({ read, setup, state }) => {
  const text = read(RESOLV_CONF);
  if (text === null) return [];
  const { servers } = parseResolvConf(text);
  const readText = (path: string) => read(path) ?? '';
  const { omitted } = usableServers(servers, (ip) => setup.localAddresses.includes(ip), readText);
  if (omitted.length === 0) return [];
  const isUsed = state?.corefile.text.includes(RESOLV_CONF) ?? true;
  const what = `${omitted.join(', ')} in ${RESOLV_CONF} leads back to this cache`;
  if (!isUsed) return [note('resolv.conf', what)];
  return [
    warning(
      'resolv.conf',
      `${what}; the daemon leaves it out`,
      'name other servers in the Corefile or in the node’s resolv.conf',
    ),
  ];
};

/** Where an upstream is. */
interface Target {
  readonly to: string;
  readonly address: string;
  readonly port: number;
}

function upstreamsOf({ state, read }: Examination): Target[] {
  const named = state?.upstreams.map(({ to }) => readTarget(to)) ?? [];
  if (named.length > 0) return named.slice(0, MAX_ASKED);
  const { servers } = parseResolvConf(read(RESOLV_CONF) ?? '');
  return servers.map((address) => ({ to: address, address, port: DNS_PORT }));
}

function readTarget(to: string): Target {
  const [, address, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(to) ?? [];
  return { to, address: address ?? '', port: Number(port ?? DNS_PORT) };
}

async function checkOne(target: Target, examination: Examination): Promise<Finding[]> {
  const { to, address, port } = target;
  const { state } = examination;
  // Upstreams over TLS or HTTPS do not speak plain DNS; the daemon's own view has to do.
  if (isIP(address) === 0 || port === 853 || port === 443) return [];
  const looping = state?.upstreams.find((known) => known.to === to)?.health === 'looping';
  if (looping) {
    return [fault(SUBJECT, `${to} sends our queries back to us`, 'take it out of the Corefile')];
  }
  const [udp, tcp] = await Promise.all([
    manner({ address, port, transport: 'udp' }, examination),
    manner({ address, port, transport: 'tcp' }, examination),
  ]);
  if (udp === null && tcp === null) {
    const advice = 'is it up, has its service endpoints, does a policy block port 53?';
    return [fault(SUBJECT, `${to} does not answer`, advice)];
  }
  if (udp === null || tcp === null) {
    const silent = udp === null ? 'UDP' : 'TCP';
    const advice = `allow port ${port} over ${silent} too: long answers and force_tcp need TCP`;
    return [warning(SUBJECT, `${to} does not answer over ${silent}`, advice)];
  }
  return [good(SUBJECT, `${to} answers: UDP ${udp}, TCP ${tcp}`)];
}

/** How a server answers, in words; null: not at all. */
async function manner(server: Server, { ask, isAlive }: Examination): Promise<string | null> {
  const { rcode, tookMs } = await ask(server, '.');
  if (rcode !== null) return `in ${durationText(tookMs)}`;
  return (await isAlive(server)) ? 'but knows nothing of the root: no Internet?' : null;
}
