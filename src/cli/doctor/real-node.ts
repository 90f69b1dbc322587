/** The node that the doctor looks at when it is not a test. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rcodeName } from '../../dns/rcode.ts';

import { runCommand } from '../../host/command.ts';
import { podProcesses, withinNetworkOf } from '../../host/net-namespace.ts';
import { NetlinkSocket } from '../../host/netlink-socket.ts';
import { probeSelf } from '../../host/self-probe.ts';
import { askServer } from './ask-server.ts';
import type { Examination, Server, ServerAnswer } from './examination.ts';

const ASK_DEADLINE_MS = 2000;

/** What of an examination does not come from the daemon. */
export type NodeView = Pick<
  Examination,
  'read' | 'run' | 'addressesOf' | 'ask' | 'isAlive' | 'ownerOf' | 'podProcesses' | 'within'
>;

export const realNode: NodeView = {
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  },
  run: runCommand,
  addressesOf: async (interfaceName) => {
    const socket = new NetlinkSocket();
    try {
      const link = await socket.link(interfaceName);
      return link === null ? null : (await socket.addresses(link.index)).map(({ ip }) => ip);
    } finally {
      socket.close();
    }
  },
  ask,
  isAlive: ({ address, port, transport }) =>
    probeSelf({ ip: address, port, transport, deadlineMs: ASK_DEADLINE_MS }),
  ownerOf,
  podProcesses,
  within: withinNetworkOf,
};

async function ask(server: Server, name: string): Promise<ServerAnswer> {
  const startMs = performance.now();
  const rcode = await askServer({ ...server, name, deadlineMs: ASK_DEADLINE_MS });
  const tookMs = performance.now() - startMs;
  return { rcode: rcode === null ? null : rcodeName(rcode), tookMs };
}

/** Only processes of our own PID namespace can be seen. */
function ownerOf(inode: string): string | null {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const folder = `/proc/${pid}/fd`;
      const isOwner = readdirSync(folder).some((fd) => isSocket(`${folder}/${fd}`, inode));
      if (isOwner) return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (${pid})`;
    } catch {
      // It has ended, or is not ours to look at.
    }
  }
  return null;
}

function isSocket(path: string, inode: string): boolean {
  try {
    return readlinkSync(path) === `socket:[${inode}]`;
  } catch {
    return false;
  }
}
