import { durationText, shortNumber } from '../text-table.ts';
import {
  type Check,
  type Examination,
  type Finding,
  fault,
  good,
  note,
  warning,
} from './examination.ts';

const SUBJECT = 'path';
/** A daemon that has been there for so long ought to have been asked. */
const QUIET_SECONDS = 60;
/** Below so many, shares say nothing. */
const FEW_QUERIES = 100;
const NOTABLE_WASTE = 0.3;

/** Whether questions to the local addresses are answered, over both transports. */
export const checkPath: Check = async (examination) => {
  const { setup, ask } = examination;
  const findings: Finding[] = [];
  const zone = servedZone(examination);
  for (const ip of setup.localAddresses) {
    for (const transport of ['udp', 'tcp'] as const) {
      const { rcode, tookMs } = await ask({ address: ip, port: setup.dnsPort, transport }, zone);
      const where = `${ip} over ${transport.toUpperCase()}`;
      if (rcode === null) findings.push(unanswered(where, examination));
      else if (rcode === 'SERVFAIL') findings.push(failing(where, zone));
      else findings.push(good(SUBJECT, `${where} answers in ${durationText(tookMs)}`));
    }
  }
  return findings;
};

/** Whether pods ask us at all. */
export const checkTraffic: Check = async ({ state, stateLater, setup }) => {
  if (state === null || stateLater === null) return [];
  const received = (of: typeof state) => of.listeners.reduce((sum, one) => sum + one.received, 0);
  const seconds = (stateLater.nowMs - state.nowMs) / 1000;
  const rate = (received(stateLater) - received(state)) / Math.max(seconds, 0.001);
  const total = received(state);
  if (total === 0 && state.uptimeSeconds > QUIET_SECONDS) {
    return [
      warning(
        'traffic',
        `no query has come in ${Math.round(state.uptimeSeconds / 60)} min`,
        `compare a pod's /etc/resolv.conf with ${setup.localAddresses.join(', ')}: with kube-proxy in IPVS mode kubelet's --cluster-dns must be the link-local address; eBPF data planes need a redirect policy`,
      ),
    ];
  }
  return [
    good(
      'traffic',
      `${shortNumber(total)} queries so far, ${shortNumber(Math.max(0, rate))} a second now`,
    ),
  ];
};

/** What share of the queries only search lists make up, by their suffixes. */
export const checkSearchLists: Check = async ({ state }) => {
  if (state === null) return [];
  const { wastedSearches, rcodes } = state.counts;
  const total = Object.values(rcodes).reduce((sum, count) => sum + count, 0);
  const suffixes = Object.entries(wastedSearches).sort(([, a], [, b]) => b - a);
  const share = suffixes.reduce((sum, [, count]) => sum + count, 0) / Math.max(1, total);
  if (total < FEW_QUERIES || share < NOTABLE_WASTE) return [];
  const percent = (part: number) => `${Math.round(part * 100)} %`;
  const worst = suffixes.slice(0, 3).map(([name, count]) => `${name} ${percent(count / total)}`);
  return [
    note(
      'search lists',
      `${percent(share)} of the queries ask for names that do not exist and end as a search list has it: ${worst.join(', ')}`,
      'pods try each suffix of their search list first: end names with a dot, or lower ndots in dnsConfig; `nodelocaldns top` shows who asks',
    ),
  ];
};

function unanswered(where: string, { state }: Examination): Finding {
  const advice =
    state === null
      ? 'start the daemon'
      : 'something drops the packets on this node: a network policy, a firewall, or another owner of the port';
  return fault(SUBJECT, `${where} does not answer`, advice);
}

/** Without the Internet, names outside the cluster fail as they should. */
function failing(where: string, zone: string): Finding {
  const text = `${where} answers SERVFAIL for "${zone}"`;
  const advice = 'its upstreams do not answer: see upstreams';
  return zone === '.' ? warning(SUBJECT, text, advice) : fault(SUBJECT, text, advice);
}

/** A zone that the upstreams ought to know: the cluster's, if there is one. */
export function servedZone({ state }: Examination): string {
  const zones = state?.listeners.flatMap((listener) => listener.zones) ?? [];
  return zones.find((zone) => zone !== '.' && !zone.endsWith('.arpa.')) ?? '.';
}
