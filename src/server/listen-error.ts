/** A socket that could not be opened, in the words of the original (spec §7.6). */
import { getSystemErrorMessage } from 'node:util';
import { EACCES, EADDRINUSE, EADDRNOTAVAIL } from '../sockets/libc.ts';
import { findOwner } from './socket-owner.ts';

/** Why it could not. `socket` is everything else. */
export type ListenErrorCode = 'address-in-use' | 'address-unavailable' | 'not-permitted' | 'socket';

/** What we tried. */
export interface ListenTarget {
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
}

/** `Listen: listen udp 169.254.20.10:53: bind: address already in use (by "dnsmasq", process 812)` */
export class ListenError extends Error {
  readonly code: ListenErrorCode;
  readonly target: ListenTarget;

  /** @param call the system call that refused; @param errno its positive error number */
  constructor(target: ListenTarget, call: string, errno: number, cause?: unknown) {
    const owner = errno === EADDRINUSE ? findOwner(target) : null;
    super(
      `Listen: listen ${target.transport} ${hostPort(target.address, target.port)}: ${call}: ${errnoText(errno)}${owner === null ? '' : ` (by ${owner})`}`,
      cause === undefined ? {} : { cause },
    );
    this.name = 'ListenError';
    this.code = CODES.get(errno) ?? 'socket';
    this.target = target;
  }
}

const CODES: ReadonlyMap<number, ListenErrorCode> = new Map([
  [EADDRINUSE, 'address-in-use'],
  [EADDRNOTAVAIL, 'address-unavailable'],
  [EACCES, 'not-permitted'],
]);

/** The C library's words; libuv has others for this one. */
function errnoText(errno: number): string {
  return errno === EADDRNOTAVAIL
    ? 'cannot assign requested address'
    : getSystemErrorMessage(-errno);
}

/** `169.254.20.10:53`, `[fd00::1]:53`, `:53` for the wildcard address. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
