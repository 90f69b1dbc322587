import { chooseBackend } from '../../host/backend.ts';
import { FAMILY_V4, familyOf } from '../../host/ip.ts';
import { ruleKey, rulesFor } from '../../host/rules.ts';
import { shortNumber } from '../text-table.ts';
import {
  type Check,
  type Examination,
  type Finding,
  fault,
  good,
  note,
  warning,
} from './examination.ts';
import { type CountedRule, listRules } from './list-rules.ts';

const SUBJECT = 'rules';

/** Whether the rules that keep DNS out of connection tracking are there, and in use. */
export const checkRules: Check = async (examination) => {
  const { setup, run } = examination;
  if (!setup.setupRules) return [note(SUBJECT, 'left alone (-setupiptables=false)')];
  const families = [...new Set(setup.localAddresses.map(familyOf))];
  const options = { mode: setup.rulesBackend, interfaceName: setup.interfaceName, families };
  const { backends, reason } = await chooseBackend(options, run);
  if (backends.length === 0) {
    return [fault(SUBJECT, reason, 'install iptables or nftables in the image')];
  }
  const findings: Finding[] = [
    note('backend', `${backends.map(({ name }) => name).join(' and ')}: ${reason}`),
  ];
  const inUse = examination.state?.interception.rulesBackend ?? '';
  const chosen = backends.map(({ name }) => name).join(' and ');
  if (inUse !== '' && inUse !== chosen) {
    findings.push(
      warning(
        'backend',
        `the daemon keeps its rules with ${inUse}, kube-proxy's are in ${chosen}`,
        'restart the daemon: rules in different backends do not see each other',
      ),
    );
  }
  const listed = await listRules(
    examination,
    backends.map(({ name }) => name),
  );
  if (listed === null) {
    return [...findings, warning(SUBJECT, 'cannot be listed', 'run this as root, with NET_ADMIN')];
  }
  return [...findings, ...judgeRules(examination, listed, chosen)];
};

function judgeRules(
  { setup, state }: Examination,
  listed: readonly CountedRule[],
  backend: string,
): Finding[] {
  const { localAddresses, dnsPort, healthPort, leaseMs } = setup;
  const leased = leaseMs > 0;
  const present = new Set(listed.map(({ rule }) => ruleKey(rule)));
  const findings: Finding[] = [];
  for (const ip of localAddresses) {
    const wanted = rulesFor(ip, { dnsPort, healthPort, leased });
    const missing = wanted.filter((rule) => !present.has(ruleKey(rule))).length;
    const inNft = backend === 'nftables';
    const family = inNft ? backend : familyOf(ip) === FAMILY_V4 ? 'iptables' : 'ip6tables';
    if (missing > 0) {
      const advice =
        state === null ? 'start the daemon' : 'the daemon repairs them: if not, see its complaints';
      findings.push(
        fault(SUBJECT, `${missing} of ${wanted.length} for ${ip} are missing in ${family}`, advice),
      );
      continue;
    }
    const packets = arrivedAt(ip, listed);
    findings.push(
      good(
        SUBJECT,
        `all ${wanted.length} for ${ip} are in place; ${shortNumber(packets)} packets came in`,
      ),
    );
  }
  const doubled = listed.length - present.size;
  // With nftables each of two instances has a table.
  if (doubled > 0 && backend !== 'nftables') {
    findings.push(
      note(SUBJECT, `${doubled} are there twice: the daemon removes them at its next look`),
    );
  }
  return findings;
}

/** Packets to an address that pods sent (PREROUTING) or the node itself (OUTPUT). */
function arrivedAt(ip: string, listed: readonly CountedRule[]): number {
  const arriving = listed.filter(
    ({ rule }) => rule.ip === ip && rule.table === 'raw' && rule.side === 'destination',
  );
  return arriving.reduce((sum, { packets }) => sum + packets, 0);
}
