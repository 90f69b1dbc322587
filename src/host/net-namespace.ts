/** Other processes' network namespaces: to look at the node as a pod sees it. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { loadCLibrary } from './c-library.ts';
import { errorText } from './host-error.ts';

const CLONE_NEWNET = 0x4000_0000;
const OWN = '/proc/self/ns/net';

/** A process in another network namespace than ours. */
export interface PodProcess {
  readonly pid: number;
  /** The text of its /etc/resolv.conf. */
  readonly resolvConf: string;
}

/** Such processes, as far as they can be seen from here; several may share a namespace. */
export function podProcesses(): PodProcess[] {
  const own = linkOf(OWN);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const namespace = linkOf(`/proc/${pid}/ns/net`);
    if (namespace === null || namespace === own) return [];
    return [{ pid: Number(pid), resolvConf: readText(`/proc/${pid}/root/etc/resolv.conf`) }];
  });
}

/**
 * Does `work` in the network namespace of a process. Only sockets that this thread makes meanwhile are
 * of that namespace, so nothing else is to be under way. Rejects when that is not allowed.
 */
export async function withinNetworkOf<T>(pid: number, work: () => Promise<T>): Promise<T> {
  const own = openSync(OWN, 'r');
  try {
    enter(`/proc/${pid}/ns/net`);
    return await work();
  } finally {
    setNamespace(own);
    closeSync(own);
  }
}

function enter(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw new Error(`opening ${path}: ${errorText(cause)}`, { cause });
  }
  const isIn = setNamespace(descriptor);
  closeSync(descriptor);
  if (!isIn) throw new Error(`entering ${path} needs the capability SYS_ADMIN`);
}

function setNamespace(descriptor: number): boolean {
  const setns = loadCLibrary().libc.func('int setns(int descriptor, int kind)');
  return setns(descriptor, CLONE_NEWNET) === 0;
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
