import { cleanUp } from '../../host/clean-up.ts';
import { runCommand } from '../../host/command.ts';
import { checkNetAdmin } from '../../host/conflict.ts';
import { hasOtherOwner } from '../../host/other-instance.ts';
import { Log } from '../../log/log.ts';
import { type Command, UsageError } from '../command.ts';
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
    {
      name: 'all',
      kind: 'boolean',
      fallback: 'false',
      usage: 'rules of every address, not only of those in -localip',
    },
  ],
  takesDaemonFlags: true,
  help: 'Removes the interface and the rules of a node-local cache that is gone, node-cache included, so that\npods reach kube-dns directly. Looks into iptables (nft and legacy) and nftables. Refuses while a\ndaemon serves the addresses. Needs NET_ADMIN in the node’s network namespace.',
  examples: [
    ['cleanup -localip 169.254.20.10,10.96.0.10', 'the flags that the daemon had'],
    ['cleanup --all', 'rules of every address'],
  ],
  async run(words, modules) {
    const flags = words.daemonFlags;
    if (flags === null) throw new UsageError('the addresses are missing: -localip');
    if (!words.isSet('force')) refuseWhileServed(flags);
    checkNetAdmin();
    const { interfaceName, interfaceType, localAddresses } = flags;
    const report = await cleanUp(
      { interfaceName, interfaceType, localIps: words.isSet('all') ? [] : localAddresses },
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

function refuseWhileServed({ localAddresses, dnsPort }: DaemonFlags): void {
  const served = localAddresses.find((ip) => hasOtherOwner(ip, dnsPort));
  if (served === undefined) return;
  throw new UsageError(
    `${served}:${dnsPort} is served: end the daemon first, or its pods lose their DNS (--force)`,
  );
}
