/** Removes what a node-local cache that is gone has left on the node: rules and interface. */
import type { Log } from '../log/log.ts';
import { allBackends } from './backend.ts';
import type { CommandRunner } from './command.ts';
import { errorText } from './host-error.ts';
import { type InterfaceType, NodeInterface } from './interface.ts';
import { NetlinkSocket } from './netlink-socket.ts';

export interface CleanUpOptions {
  readonly interfaceName: string;
  readonly interfaceType: InterfaceType;
  /** Whether the rules of an address are to go. */
  readonly isMeant: (ip: string) => boolean;
}

/** What was done, and what could not be. */
export interface CleanUpReport {
  /** Rules removed, by what they were kept with; 0 for a look that found none. */
  readonly removed: Readonly<Record<string, number>>;
  /** Whether there was an interface of ours. */
  readonly interfaceRemoved: boolean;
  readonly faults: readonly string[];
}

/** Looks at every rule set of the node, whichever is in use. Never rejects. */
export async function cleanUp(
  options: CleanUpOptions,
  { log, run }: { readonly log: Log; readonly run: CommandRunner },
): Promise<CleanUpReport> {
  const removed: Record<string, number> = {};
  const faults: string[] = [];
  for (const backend of await allBackends(options, run)) {
    const outcome = await backend.sync([], ({ ip }) => options.isMeant(ip));
    if (outcome.status === 'in-place') removed[backend.name] = outcome.removed;
    else faults.push(`removing rules with ${backend.name}: ${outcome.message}`);
  }
  try {
    return { removed, faults, interfaceRemoved: await removeInterface(options, log) };
  } catch (error) {
    faults.push(errorText(error));
    return { removed, faults, interfaceRemoved: false };
  }
}

async function removeInterface(options: CleanUpOptions, log: Log): Promise<boolean> {
  const socket = new NetlinkSocket();
  try {
    const name = options.interfaceName;
    const before = await socket.link(name);
    await new NodeInterface({ name, type: options.interfaceType }, { socket, log }).remove();
    return before !== null && (await socket.link(name)) === null;
  } finally {
    socket.close();
  }
}
