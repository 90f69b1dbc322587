/**
 * A netlink socket that is asked without waiting: the kernel is done with a request when send(2)
 * returns (netlink(7)), so what it says lies in the socket already. For what is done each second; all
 * else goes through the netlink package.
 */
import { loadCLibrary } from './c-library.ts';

const AF_NETLINK = 16;
/** SOCK_RAW | SOCK_CLOEXEC. */
const SOCKET_TYPE = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
/** More than the kernel says to one of our requests. */
const ANSWER_OCTETS = 8192;

/** struct nlmsghdr: length 4, type 2, flags 2, sequence 4, port 4. */
export const MESSAGE_HEADER_LENGTH = 16;

interface Calls {
  readonly send: (descriptor: number, data: Buffer, length: number, flags: number) => number;
  readonly recv: (descriptor: number, data: Buffer, length: number, flags: number) => number;
  readonly close: (descriptor: number) => number;
  readonly errno: () => number;
}

export class NetlinkChannel {
  readonly #descriptor: number;
  readonly #calls: Calls;
  readonly #answer = Buffer.alloc(ANSWER_OCTETS);

  private constructor(descriptor: number, calls: Calls) {
    this.#descriptor = descriptor;
    this.#calls = calls;
  }

  /** Null where the C library cannot be called or the kernel gives no socket. */
  static open(protocol: number): NetlinkChannel | null {
    try {
      const { koffi, libc } = loadCLibrary();
      const socket = libc.func('int socket(int domain, int type, int protocol)');
      const descriptor: number = socket(AF_NETLINK, SOCKET_TYPE, protocol);
      if (descriptor < 0) return null;
      return new NetlinkChannel(descriptor, {
        send: libc.func('intptr_t send(int descriptor, void* data, size_t length, int flags)'),
        recv: libc.func(
          'intptr_t recv(int descriptor, _Out_ void* data, size_t length, int flags)',
        ),
        close: libc.func('int close(int descriptor)'),
        errno: koffi.errno,
      });
    } catch {
      return null;
    }
  }

  /**
   * Sends a message, or several in one. Returns the first datagram of what the kernel said: empty when
   * that was nothing, null when the request or the answer was lost.
   */
  ask(request: Buffer): Buffer | null {
    const { send, errno } = this.#calls;
    const isSent = send(this.#descriptor, request, request.length, MSG_DONTWAIT) >= 0;
    const length = this.#receive();
    const isLost = length < 0 && errno() !== EAGAIN;
    const answer = Buffer.from(this.#answer.subarray(0, Math.max(0, length)));
    // Nothing of this may be taken for the answer to the next request.
    for (let more = length; more > 0; ) more = this.#receive();
    return isSent && !isLost ? answer : null;
  }

  close(): void {
    this.#calls.close(this.#descriptor);
  }

  #receive(): number {
    return this.#calls.recv(this.#descriptor, this.#answer, ANSWER_OCTETS, MSG_DONTWAIT);
  }
}

/** A message of `type` with `body` behind its header. */
export function netlinkMessage(type: number, flags: number, body: Buffer): Buffer {
  const header = Buffer.alloc(MESSAGE_HEADER_LENGTH);
  header.writeUInt32LE(MESSAGE_HEADER_LENGTH + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  return Buffer.concat([header, body]);
}

/** The type of the first message in a datagram; 0 for none. */
export function messageType(datagram: Buffer): number {
  return datagram.length < MESSAGE_HEADER_LENGTH ? 0 : datagram.readUInt16LE(4);
}
