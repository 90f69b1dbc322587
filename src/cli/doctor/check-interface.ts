import type { Counts } from '../../control/protocol.ts';
import { canonicalIp } from '../../host/ip.ts';
import { type Check, type Finding, fault, good, note, warning } from './examination.ts';

const SUBJECT = 'interface';

/** Whether the node has the local addresses, and who renews them. */
export const checkInterface: Check = async ({ setup, state, addressesOf }) => {
  const { setupInterface, interfaceName, localAddresses, leaseMs } = setup;
  if (!setupInterface) {
    return [note(SUBJECT, 'left alone (-setupinterface=false): others bring the traffic here')];
  }
  const addresses = await addressesOf(interfaceName);
  if (addresses === null) {
    return [
      fault(
        SUBJECT,
        `there is no interface "${interfaceName}": pods are answered by kube-dns directly`,
        state === null
          ? 'start the daemon'
          : 'see its complaints; the daemon needs NET_ADMIN and hostNetwork: true',
      ),
    ];
  }
  const missing = localAddresses.filter((ip) => !addresses.includes(canonicalIp(ip)));
  if (missing.length > 0) {
    return [
      fault(
        SUBJECT,
        `"${interfaceName}" has not got ${missing.join(', ')}: pods are answered by kube-dns directly`,
        state === null
          ? 'start the daemon'
          : 'the daemon gives addresses back while its listeners or rules are not in order: see below',
      ),
    ];
  }
  const held = `"${interfaceName}" has ${localAddresses.join(', ')}`;
  if (state === null) {
    return [
      warning(
        SUBJECT,
        `${held}, and no daemon answers there: pods get no DNS from it`,
        'start the daemon, or remove what it left: nodelocaldns cleanup',
      ),
    ];
  }
  const time =
    leaseMs === 0 ? 'without end (-lease=0)' : `leased for ${leaseMs / 1000} s at a time`;
  return [good(SUBJECT, `${held}, ${time}`), ...history(state.counts)];
};

/** What happened to lease, interface and rules since the start. */
function history({ leaseExpiries, repairs }: Counts): Finding[] {
  const findings: Finding[] = [];
  const { unanswered = 0, standstill = 0 } = leaseExpiries;
  if (unanswered + standstill > 0) {
    findings.push(
      note(
        'lease',
        `ended ${unanswered + standstill} times since the start: ${unanswered} times our listeners did not answer, ${standstill} times the process stood still; kube-dns answered meanwhile`,
        'look at the node’s load and at limits.cpu: the daemon needs processor time each second',
      ),
    );
  }
  const repaired = Object.entries(repairs).map(([kind, times]) => `${kind} (${times} times)`);
  if (repaired.length > 0) {
    findings.push(
      note(
        'repairs',
        `others removed ${repaired.join(', ')} since the start, and the daemon put it back`,
        'if the numbers grow, find out who: a firewall manager, a CNI’s agent, another cache',
      ),
    );
  }
  return findings;
}
