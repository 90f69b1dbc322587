/** Opens and binds our sockets: options that node:dgram and node:net do not offer. */
import {
  AF_INET,
  AF_INET6,
  EAFNOSUPPORT,
  IP_FREEBIND,
  IP_PKTINFO,
  IP_TRANSPARENT,
  IPPROTO_TCP,
  IPV6_FREEBIND,
  IPV6_RECVPKTINFO,
  IPV6_TRANSPARENT,
  IPV6_V6ONLY,
  type Libc,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  TCP_DEFER_ACCEPT,
  TCP_NODELAY,
} from '../sockets/libc.ts';
import { encodeSocketAddress, NAME_LENGTH_V6 } from '../sockets/socket-address.ts';
import { ListenError, type ListenTarget } from './listen-error.ts';

/** Holds about 3,000 small queries while we do something else: 100 ms at 30,000/s. */
const UDP_BUFFER_OCTETS = 4 << 20;

/** How long the kernel keeps a connection to itself on which nothing was asked. */
const SILENT_SECONDS = 1;

/** Octets of a control message with an in_pktinfo or an in6_pktinfo, padding included (CMSG_SPACE). */
const PKTINFO_LENGTH_V4 = 32;
export const PKTINFO_LENGTH_V6 = 40;

const ON = int32(1);
const OFF = int32(0);

/** A bound socket. */
export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
  /** Octets of the addresses it deals in. */
  readonly nameLength: number;
  /**
   * Octets of the control message with the local address. A wildcard UDP socket needs it: a reply
   * must come from the address that was asked. 0 for all others.
   */
  readonly controlLength: number;
}

/** A target, and whether its address may be one that the node gets only later. */
export type SocketTarget = ListenTarget & { readonly mayAppear?: boolean };

/**
 * Opens a non-blocking socket on `target`, beside others with SO_REUSEPORT. Throws ListenError, also
 * for an address that this machine does not have and that need not appear.
 */
export function openSocket(target: SocketTarget, libc: Libc): BoundSocket {
  const name = encodeSocketAddress(target.address, target.port);
  const family = name.readUInt16LE(0);
  const type = target.transport === 'udp' ? SOCK_DGRAM : SOCK_STREAM;
  const fd = libc.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    const errno = libc.errno();
    // A node without IPv6: its wildcard address is the one of IPv4.
    if (target.address === '' && errno === EAFNOSUPPORT) {
      return openSocket({ ...target, address: '0.0.0.0' }, libc);
    }
    throw new ListenError(target, 'socket', errno);
  }
  const controlLength = setOptions(fd, target, family, libc);
  if (libc.bind(fd, name, name.length) < 0) {
    const error = new ListenError(target, 'bind', libc.errno());
    libc.close(fd);
    throw error;
  }
  outliveAddress(fd, family, libc);
  return { fd, port: boundPort(fd, libc), nameLength: name.length, controlLength };
}

/**
 * Queries that came before the address went away can still be answered from it. Needs NET_ADMIN. Only
 * after the bind: before, it would let any address be bound.
 */
function outliveAddress(fd: number, family: number, libc: Libc): void {
  const [level, option] =
    family === AF_INET ? [SOL_IP, IP_TRANSPARENT] : [SOL_IPV6, IPV6_TRANSPARENT];
  libc.setsockopt(fd, level, option, ON, ON.length);
}

/** Returns how long control messages are. An option that is refused is one we can do without. */
function setOptions(fd: number, target: SocketTarget, family: number, libc: Libc): number {
  const set = (level: number, option: number, value: Buffer) =>
    libc.setsockopt(fd, level, option, value, value.length) === 0;
  set(SOL_SOCKET, SO_REUSEPORT, ON);
  if (target.mayAppear === true) {
    if (family === AF_INET) set(SOL_IP, IP_FREEBIND, ON);
    else set(SOL_IPV6, IPV6_FREEBIND, ON);
  }
  if (target.address === '' || target.address === '::') set(SOL_IPV6, IPV6_V6ONLY, OFF);
  if (target.transport === 'tcp') {
    // Accepted sockets inherit it: replies leave as they come.
    set(IPPROTO_TCP, TCP_NODELAY, ON);
    // A connection comes to us with its first query, which spares a turn of the event loop, and a
    // silent one after this time (tcp(7)).
    set(IPPROTO_TCP, TCP_DEFER_ACCEPT, int32(SILENT_SECONDS));
    // Connections of a predecessor in TIME_WAIT would else be in our way.
    set(SOL_SOCKET, SO_REUSEADDR, ON);
    return 0;
  }
  // The forced forms need NET_ADMIN and may exceed net.core.rmem_max.
  const size = int32(UDP_BUFFER_OCTETS);
  if (!set(SOL_SOCKET, SO_RCVBUFFORCE, size)) set(SOL_SOCKET, SO_RCVBUF, size);
  if (!set(SOL_SOCKET, SO_SNDBUFFORCE, size)) set(SOL_SOCKET, SO_SNDBUF, size);
  if (!isWildcard(target.address)) return 0;
  if (family === AF_INET6) return set(SOL_IPV6, IPV6_RECVPKTINFO, ON) ? PKTINFO_LENGTH_V6 : 0;
  return set(SOL_IP, IP_PKTINFO, ON) ? PKTINFO_LENGTH_V4 : 0;
}

/** True for the addresses that stand for all of the node's. */
export function isWildcard(address: string): boolean {
  return address === '' || address === '::' || address === '0.0.0.0';
}

function boundPort(fd: number, libc: Libc): number {
  const name = Buffer.alloc(NAME_LENGTH_V6);
  libc.getsockname(fd, name, int32(name.length));
  return name.readUInt16BE(2);
}

function int32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  return octets;
}
