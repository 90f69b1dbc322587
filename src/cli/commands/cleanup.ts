import { ControlError } from '../../control/control-error.ts';
import type { NodeState, Setup } from '../../control/protocol.ts';
import { cleanUp } from '../../host/clean-up.ts';
import { runCommand } from '../../host/command.ts';
import { checkNetAdmin } from '../../host/conflict.ts';
import { canonicalIp } from '../../host/ip.ts';
import { hasOtherOwner } from '../../host/other-instance.ts';
import { Log } from '../../log/log.ts';
import { type Command, type CommandModules, UsageError } from '../command.ts';
import type { DaemonFlags } from '../flags.ts';

/** `cleanup`: removes interface and rules of a daemon that is gone. */
export const cleanup: Command = {
  name: 'cleanup',
  summary: 'remove interface and rules that a daemon has left',
  parameters: '',
  count: { min: 0, max: 0 },
  options: [
    {
      name: 'force',
      kind: 'boolean',
      fallback: 'false',
      usage: 'also while a daemon serves the addresses',
    },
  ],
  takesDaemonFlags: true,
  help: 'Removes the interface and the rules of a node-local cache that is gone, node-cache included, so that\npods reach kube-dns directly. Looks into iptables (nft and legacy) and nftables. Leaves\nalone what a daemon serves. Without -localip the rules of all addresses go. Needs NET_ADMIN in the node’s network namespace.',
  examples: [
    ['cleanup', 'all that nobody uses any more'],
    ['cleanup -localip 169.254.20.10,10.96.0.10', 'of these addresses only'],
  ],
  async run(words, modules) {
    const flags = words.daemonFlags;
    if (flags === null) throw new UsageError('cleanup takes the daemon’s flags');
    const { interfaceName, interfaceType, localAddresses, dnsPort } = flags;
    const isForced = words.isSet('force');
    const isServed = (ip: string) => !isForced && hasOtherOwner(ip, dnsPort);
    const wanted = words.wasGiven('localip') ? new Set(localAddresses.map(canonicalIp)) : null;
    checkNetAdmin();
    if (!isForced) await refuseWhileServed(flags, modules);
    const report = await cleanUp(
      {
        ...{ interfaceName, interfaceType },
        isMeant: (ip) => (wanted === null || wanted.has(canonicalIp(ip))) && !isServed(ip),
      },
      { log: new Log((line) => modules.write(`${line}\n`)), run: runCommand },
    );
    for (const [backend, count] of Object.entries(report.removed)) {
      modules.write(`${backend}: ${count === 0 ? 'no rules of ours' : `removed ${count} rules`}\n`);
    }
    const found = report.interfaceRemoved ? 'removed' : 'there is none of ours';
    modules.write(`interface ${interfaceName}: ${found}\n`);
    for (const fault of report.faults) modules.write(`${fault}\n`);
    return report.faults.length === 0 ? 0 : 1;
  },
};

/** Pods of a daemon that runs would lose their DNS. */
async function refuseWhileServed(
  { localAddresses, dnsPort }: DaemonFlags,
  { ask }: CommandModules,
): Promise<void> {
  const running = await runningSetup(ask);
  const addresses = running === null ? localAddresses : running.localAddresses;
  const served = addresses.find((ip) => hasOtherOwner(ip, running?.dnsPort ?? dnsPort));
  if (served === undefined) return;
  throw new UsageError(
    `${served} is served: end the daemon first, or its pods lose their DNS (--force)`,
  );
}

/** How the running daemon was set up; null when none can be asked. */
async function runningSetup(ask: CommandModules['ask']): Promise<Setup | null> {
  try {
    for await (const state of ask({ command: 'state' })) return (state as NodeState).setup;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
  }
  return null;
}
