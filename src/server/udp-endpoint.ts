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
  libc: Pick<Libc, 'sendmmsg' | 'errno'>,
): void {
  let count = outgoing.seal();
  let done = 0;
  while (done < count) {
    // Mostly the first: a sum this large is a new object for V8, to be collected.
    const headers = done === 0 ? outgoing.headers : outgoing.headers + done * HEADER_STRIDE;
    const sent = libc.sendmmsg(endpoint.fd, headers, count - done, MSG_DONTWAIT);
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
