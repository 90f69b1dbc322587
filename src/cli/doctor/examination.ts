/** What the doctor looks at, and what it says. */
import type { NodeState, Setup } from '../../control/protocol.ts';
import type { CommandRunner } from '../../host/command.ts';
import type { PodProcess } from '../../host/net-namespace.ts';

/** How bad a finding is. */
export type Level = 'good' | 'note' | 'warning' | 'fault';

/** One thing that was found, in plain words. */
export interface Finding {
  /** What was looked at: `rules`. */
  readonly subject: string;
  readonly level: Level;
  readonly text: string;
  /** What to do; '' where there is nothing to do. */
  readonly advice: string;
}

/** A DNS server and the way to it. */
export interface Server {
  readonly address: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
}

/** A DNS server's answer to a question. */
export interface ServerAnswer {
  /** Null: none came in time. */
  readonly rcode: string | null;
  readonly tookMs: number;
}

/** The node, as far as the doctor can look at it. Tests make up others. */
export interface Examination {
  /** Null: no daemon that we may ask runs here. */
  readonly state: NodeState | null;
  /** Why there is none; '' else. */
  readonly stateError: string;
  /** The state a moment later, to see what changed. */
  readonly stateLater: NodeState | null;
  /** Of the running daemon, or what the flags say. */
  readonly setup: Setup;
  /** The text of a file; null when it cannot be read. */
  readonly read: (path: string) => string | null;
  readonly run: CommandRunner;
  /** Addresses of an interface; null when there is no such interface. */
  readonly addressesOf: (interfaceName: string) => Promise<readonly string[] | null>;
  /** Asks a DNS server for the NS records of a name. Never rejects. */
  readonly ask: (server: Server, name: string) => Promise<ServerAnswer>;
  /** Whether a server says anything at all, be it that it cannot help. Never rejects. */
  readonly isAlive: (server: Server) => Promise<boolean>;
  /** The program that owns a socket, by inode; null when that is not to be seen from here. */
  readonly ownerOf: (inode: string) => string | null;
  /** The pod to look from, by one of its processes; null: whichever asks this cache. */
  readonly podPid: number | null;
  readonly podProcesses: () => readonly PodProcess[];
  /** Does something in the network of a process. Rejects where that is not allowed. */
  readonly within: <T>(pid: number, work: () => Promise<T>) => Promise<T>;
}

/** Looks at one thing. Never rejects for what the node is like. */
export type Check = (examination: Examination) => Promise<readonly Finding[]>;

export function good(subject: string, text: string): Finding {
  return { subject, level: 'good', text, advice: '' };
}

export function note(subject: string, text: string, advice = ''): Finding {
  return { subject, level: 'note', text, advice };
}

export function warning(subject: string, text: string, advice: string): Finding {
  return { subject, level: 'warning', text, advice };
}

export function fault(subject: string, text: string, advice: string): Finding {
  return { subject, level: 'fault', text, advice };
}
