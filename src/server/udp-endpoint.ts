/** An open UDP socket, as those who send through it see it. */
import { EAGAIN, type Libc, MSG_DONTWAIT } from '../sockets/libc.ts';
import type { Outgoing } from '../sockets/outgoing.ts';
import { HEADER_STRIDE } from '../sockets/packet-layout.ts';

/** What a UDP listener counts: a plain field, read at scrape. */
export interface UdpCounters {
  /** Replies that the kernel would not send: no route, forbidden by a rule, no room. */
  unsent: number;
}

/** A socket of ours. */
export interface UdpEndpoint {
  readonly fd: number;
  /** Address and port it is bound to; the address is `''` or unspecified for a wildcard. */
  readonly localAddress: string;
  readonly localPort: number;
  /** Octets of the addresses and of the control messages it deals in. */
  readonly nameLength: number;
  readonly controlLength: number;
  readonly counters: UdpCounters;
  /** False once closed: the descriptor's number may belong to another socket by now. */
  isOpen: boolean;
}

/**
 * Sends what `outgoing` holds. Datagrams that the kernel refuses are counted and left out; the client
 * asks again.
 */
export function sendMessages(
  endpoint: UdpEndpoint,
  outgoing: Outgoing,
  libc: Pick<Libc, 'sendmmsg' | 'sendmsg' | 'errno'>,
): void {
  let count = outgoing.seal();
  let done = 0;
  while (done < count) {
    const sent = send(endpoint.fd, outgoing, done, count - done, libc);
    if (sent > 0) {
      done += sent;
      continue;
    }
    // sendmmsg(2) stops at a message that is refused and says why when it comes first.
    const errno = libc.errno();
    if (errno === EAGAIN) {
      // No room in the send buffer, for the rest neither.
      while (done < count) endpoint.counters.unsent += outgoing.datagramsIn(done++);
    } else if (outgoing.datagramsIn(done) > 1) {
      count = outgoing.unfold(done, errno);
    } else {
      endpoint.counters.unsent++;
      done++;
    }
  }
  outgoing.clear();
}

/** Returns how many of the `count` messages from `first` on were sent, or −1. */
function send(
  fd: number,
  outgoing: Outgoing,
  first: number,
  count: number,
  libc: Pick<Libc, 'sendmmsg' | 'sendmsg'>,
): number {
  // Mostly the first: a sum this large is a new object for V8, to be collected.
  const headers = first === 0 ? outgoing.headers : outgoing.headers + first * HEADER_STRIDE;
  if (count !== 1) return libc.sendmmsg(fd, headers, count, MSG_DONTWAIT);
  // The same with less ado.
  return libc.sendmsg(fd, headers, MSG_DONTWAIT) < 0 ? -1 : 1;
}
