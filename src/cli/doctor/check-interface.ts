import { canonicalIp } from '../../host/ip.ts';
import { type Check, fault, good, note, warning } from './examination.ts';

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
  if (leaseMs === 0) return [good(SUBJECT, `${held}, without end (-lease=0)`)];
  return [good(SUBJECT, `${held}, leased for ${leaseMs / 1000} s at a time`)];
};
