/** Whether a pod's way to the cache works, seen from within the pod's network namespace. */
import { parseResolvConf } from '../../forward/resolv-conf.ts';
import type { PodProcess } from '../../host/net-namespace.ts';
import { durationText } from '../text-table.ts';
import { servedZone } from './check-path.ts';
import {
  type Check,
  type Examination,
  type Finding,
  fault,
  good,
  note,
  warning,
} from './examination.ts';

const SUBJECT = 'pod';
const TRANSPORTS = ['udp', 'tcp'] as const;
const LOOK_FROM_OUTSIDE =
  'the container of the cache may not: kubectl debug node/NODE -it --image IMAGE_OF_THE_CACHE --profile sysadmin -- nodelocaldns doctor';
/** The default of glibc and musl, and what kubelet sets for pods. */
const DEFAULT_NDOTS = 1;
const USUAL_WASTE = 3;

export const checkPod: Check = async (examination) => {
  const { podPid, podProcesses } = examination;
  const all = podProcesses();
  const pod = podPid === null ? choose(all, examination) : all.find(({ pid }) => pid === podPid);
  if (pod === undefined) return [noPod(all, examination)];
  try {
    const asked = await examination.within(pod.pid, () => askFrom(pod, examination));
    return [...asked, ...searchList(pod)];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [note(SUBJECT, `process ${pod.pid} cannot be looked from: ${why}`, LOOK_FROM_OUTSIDE)];
  }
};

/** One that asks us, by its resolv.conf. */
function choose(all: readonly PodProcess[], examination: Examination): PodProcess | undefined {
  return all.find((pod) => ownServers(pod, examination).length > 0);
}

function noPod(all: readonly PodProcess[], { podPid }: Examination): Finding {
  if (podPid !== null) {
    return warning(
      SUBJECT,
      `there is no process ${podPid} with a network of its own here`,
      LOOK_FROM_OUTSIDE,
    );
  }
  if (all.length === 0) return note(SUBJECT, 'no pod is to be seen from here', LOOK_FROM_OUTSIDE);
  return note(
    SUBJECT,
    'no pod that can be seen from here names this cache in its /etc/resolv.conf',
    'choose one with --pod-pid',
  );
}

/** The servers of a pod's resolv.conf that are local addresses. */
function ownServers({ resolvConf }: PodProcess, { setup }: Examination): string[] {
  return parseResolvConf(resolvConf).servers.filter((ip) => setup.localAddresses.includes(ip));
}

async function askFrom(pod: PodProcess, examination: Examination): Promise<Finding[]> {
  const { setup, ask } = examination;
  const zone = servedZone(examination);
  const own = ownServers(pod, examination);
  const { servers } = parseResolvConf(pod.resolvConf);
  const findings: Finding[] = [];
  if (own.length === 0 && setup.setupInterface) findings.push(asksOthers(pod, servers));
  // Where others bring the traffic here, pods ask an address that is none of ours.
  const others = setup.setupInterface ? setup.localAddresses : servers;
  for (const ip of own.length > 0 ? own : others) {
    for (const transport of TRANSPORTS) {
      const { rcode, tookMs } = await ask({ address: ip, port: setup.dnsPort, transport }, zone);
      const where = `process ${pod.pid} asks ${ip} over ${transport.toUpperCase()}`;
      findings.push(
        rcode === null
          ? fault(
              SUBJECT,
              `${where} in vain`,
              'a network policy must allow port 53 to this address (an ipBlock) over both transports',
            )
          : good(SUBJECT, `${where} and is answered in ${durationText(tookMs)} (${rcode})`),
      );
    }
  }
  return findings;
}

function asksOthers({ pid }: PodProcess, servers: readonly string[]): Finding {
  return warning(
    SUBJECT,
    `process ${pid} has ${servers.join(', ') || 'no server'} in its /etc/resolv.conf, none of this cache`,
    'its dnsPolicy is to be ClusterFirst; with kube-proxy in IPVS mode kubelet’s clusterDNS is to be the link-local address',
  );
}

/** What one name from outside the cluster costs this pod. */
function searchList({ pid, resolvConf }: PodProcess): Finding[] {
  const { search } = parseResolvConf(resolvConf);
  const ndots = Number(/^options\b.*\bndots:(\d+)/m.exec(resolvConf)?.[1] ?? DEFAULT_NDOTS);
  if (ndots <= DEFAULT_NDOTS || search.length < USUAL_WASTE) return [];
  return [
    note(
      'search lists',
      `process ${pid} has ndots:${ndots} and ${search.length} search domains: a name outside the cluster takes ${search.length} questions in vain for each type`,
      'end such names with a dot, or set ndots in the pod’s dnsConfig',
    ),
  ];
}
