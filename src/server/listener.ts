/** What all listening sockets of ours have in common. */
import type { Part } from '../plugins/directive.ts';

export interface Listener extends Part {
  readonly transport: 'udp' | 'tcp';
  /** The port in use, also where port 0 asked for any; 0 before the start and after the stop. */
  readonly port: number;
  /** The listening socket, for `takeOver`; −1 where there is none or Node keeps it to itself. */
  readonly fd: number;
  /** Takes nothing new, answers what has arrived; replies that come later are still sent until `stop`. */
  drain(): void;
}

/** Where to listen: `''` is the wildcard address, port 0 any free port. */
export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  /** The address may be one that the node gets only later: our own interface's. */
  readonly mayAppear?: boolean;
}
