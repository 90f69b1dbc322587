/** An open UDP socket, as those who send through it see it. */
import { EAGAIN, type Libc, MSG_DONTWAIT } from '../sockets/libc.ts';
import { HEADER_STRIDE } from '../sockets/packet-memory.ts';

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
 * Sends `count` messages whose headers start at the address `headers`. What the kernel refuses is
 * counted and left out; the client asks again.
 */
export function sendMessages(
  endpoint: UdpEndpoint,
  headers: number,
  count: number,
  libc: Pick<Libc, 'sendmmsg' | 'errno'>,
): void {
  let done = 0;
  while (done < count) {
    const sent = libc.sendmmsg(
      endpoint.fd,
      headers + done * HEADER_STRIDE,
      count - done,
      MSG_DONTWAIT,
    );
    if (sent > 0) {
      done += sent;
    } else if (libc.errno() === EAGAIN) {
      // No room in the send buffer, for the rest neither.
      endpoint.counters.unsent += count - done;
      return;
    } else {
      // sendmmsg(2) stops at a message that is refused and says why when it comes first.
      endpoint.counters.unsent++;
      done++;
    }
  }
}
