/** Names of the sockets on which daemons take commands: `nodelocaldns-control-TIME-PID`. */
import { listeningNames } from '../sockets/abstract-socket.ts';

const PREFIX = 'nodelocaldns-control-';
/** Digits of Unix time in milliseconds, so that names sort by it. */
const TIME_DIGITS = 14;

export function newControlName(): string {
  return `${PREFIX}${String(Date.now()).padStart(TIME_DIGITS, '0')}-${process.pid}`;
}

/** The daemons of this network namespace, the youngest first. Never rejects. */
export async function findControlNames(): Promise<string[]> {
  return (await listeningNames(PREFIX)).reverse();
}
