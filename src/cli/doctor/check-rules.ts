import { chooseBackend } from '../../host/backend.ts';
import { FAMILY_V4, familyOf } from '../../host/ip.ts';
import { parseRule, type Rule, ruleKey, rulesFor } from '../../host/rules.ts';
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

const SUBJECT = 'rules';
const DEADLINE_MS = 10_000;

/** A rule in the kernel, and how many packets it has seen. */
interface CountedRule {
  readonly rule: Rule;
  readonly packets: number;
}

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
  // nft's rules carry no counters.
  if (backends[0].name === 'nftables') return [...findings, judgeReport(examination)];
  const listed = await listRules(
    examination,
    backends.map(({ name }) => name),
  );
  if (listed === null) {
    return [...findings, warning(SUBJECT, 'cannot be listed', 'run this as root, with NET_ADMIN')];
  }
  return [...findings, ...judgeRules(examination, listed)];
};

/** For a backend without counters: what the daemon itself says. */
function judgeReport({ state, setup }: Examination): Finding {
  const ruled = state?.interception.ruled ?? [];
  const missing = setup.localAddresses.filter((ip) => !ruled.includes(ip));
  if (missing.length === 0) return good(SUBJECT, 'are in place, says the daemon');
  return fault(
    SUBJECT,
    `are not in place for ${missing.join(', ')}`,
    'see the daemon’s complaints',
  );
}

/** All rules of ours; null when they cannot be listed. */
async function listRules(
  { run }: Examination,
  programs: readonly string[],
): Promise<CountedRule[] | null> {
  const rules: CountedRule[] = [];
  for (const program of programs) {
    for (const table of ['raw', 'filter'] as const) {
      const [name, variant] = program.split('-');
      const save = variant === undefined ? `${name}-save` : `${name}-${variant}-save`;
      const listing = await run(save, ['-c', '-t', table], { deadlineMs: DEADLINE_MS });
      if (listing.status !== 0) return null;
      for (const line of listing.stdout.split('\n')) {
        const rule = parseRule(table, line);
        if (rule !== null) rules.push({ rule, packets: Number(/^\[(\d+):/.exec(line)?.[1] ?? 0) });
      }
    }
  }
  return rules;
}

function judgeRules({ setup, state }: Examination, listed: readonly CountedRule[]): Finding[] {
  const { localAddresses, dnsPort, healthPort, leaseMs } = setup;
  const leased = leaseMs > 0;
  const present = new Set(listed.map(({ rule }) => ruleKey(rule)));
  const findings: Finding[] = [];
  for (const ip of localAddresses) {
    const wanted = rulesFor(ip, { dnsPort, healthPort, leased });
    const missing = wanted.filter((rule) => !present.has(ruleKey(rule))).length;
    const family = familyOf(ip) === FAMILY_V4 ? 'iptables' : 'ip6tables';
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
  if (doubled > 0) {
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
