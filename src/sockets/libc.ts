/**
 * The few calls into the C library that Node has no API for: sockets with options of our own, many
 * datagrams per call, memory that never moves. All through koffi; where it cannot be loaded the
 * listeners run on node:dgram and node:net instead.
 *
 * Constants are Linux's generic ones (include/uapi/asm-generic), which x86_64 and arm64 share.
 */
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_UDP = 17;
export const SOL_IPV6 = 41;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const SO_PEERCRED = 17;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_ATTACH_REUSEPORT_CBPF = 51;
export const IP_PKTINFO = 8;
export const IP_RECVERR = 11;
export const IP_FREEBIND = 15;
export const IP_TRANSPARENT = 19;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_TRANSPARENT = 75;
export const IPV6_FREEBIND = 78;

export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_DEFER_ACCEPT = 9;
export const TCP_QUICKACK = 12;
export const UDP_SEGMENT = 103;

export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

export const CLOCK_MONOTONIC = 1;
export const TFD_CLOEXEC = 0o2000000;

export const POLLIN = 1;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

export const EIO = 5;
export const EAGAIN = 11;
export const EACCES = 13;
export const ENFILE = 23;
export const EMFILE = 24;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const EAFNOSUPPORT = 97;

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** The C libraries we know, by the name under which the dynamic linker finds them: glibc, musl. */
const LIBRARY_NAMES: readonly string[] = [
  'libc.so.6',
  `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`,
];

/** Memory outside the JavaScript heap, for the life of the process. */
export interface MappedMemory {
  readonly bytes: ArrayBuffer;
  /** Where it lies; below 2^47, so exact as a number. */
  readonly address: number;
}

/** Calls back while a descriptor can be read. */
export interface Watcher {
  /** Ends the calls. The descriptor stays open. */
  close(): void;
}

/** Calls return what the C functions return; −1 says that `errno` holds the reason. */
export interface Libc {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly setsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Buffer,
    length: number,
  ) => number;
  /** `length` holds the length of `value`, and then how much of it was written. */
  readonly getsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Buffer,
    length: Buffer,
  ) => number;
  readonly bind: (fd: number, name: Buffer, length: number) => number;
  readonly getsockname: (fd: number, name: Buffer, length: Buffer) => number;
  readonly close: (fd: number) => number;
  /** `headers` is the address of `count` mmsghdr structures; `timeout` is 0 for none. */
  readonly recvmmsg: (
    fd: number,
    headers: number,
    count: number,
    flags: number,
    timeout: number,
  ) => number;
  readonly sendmmsg: (fd: number, headers: number, count: number, flags: number) => number;
  /** `header` is the address of a msghdr structure, or of an mmsghdr, which begins with one. */
  readonly recvmsg: (fd: number, header: number, flags: number) => number;
  readonly sendmsg: (fd: number, header: number, flags: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  /** `name` and `length` are addresses of a sockaddr and of its length. */
  readonly accept4: (fd: number, name: number, length: number, flags: number) => number;
  /** `data` is an address, as for `send`. */
  readonly recv: (fd: number, data: number, length: number, flags: number) => number;
  readonly send: (fd: number, data: number, length: number, flags: number) => number;
  readonly epoll_create1: (flags: number) => number;
  readonly epoll_ctl: (epoll: number, operation: number, fd: number, event: number) => number;
  /** `events` is the address of `count` epoll_event structures. */
  readonly epoll_wait: (epoll: number, events: number, count: number, timeoutMs: number) => number;
  /** `polled` is the address of `count` pollfd structures. */
  readonly poll: (polled: number, count: number, timeoutMs: number) => number;
  readonly usleep: (us: number) => number;
  readonly timerfd_create: (clock: number, flags: number) => number;
  /** `value` is the address of a struct itimerspec, `old` is 0 or another one. */
  readonly timerfd_settime: (fd: number, flags: number, value: number, old: number) => number;
  readonly errno: () => number;
  /** The address of a buffer's first octet, valid while the buffer lives. */
  addressOf(buffer: Buffer): number;
  /** Maps zeroed pages; the kernel gives real memory only to those that are written. Throws when refused. */
  map(length: number): MappedMemory;
  /**
   * Calls `onReadable` in the event loop's poll phase while `fd` can be read; it returns whether it may
   * have left ticks or promise jobs. The caller keeps the watcher: one that is collected watches no more.
   */
  watch(fd: number, onReadable: () => boolean): Watcher;
}

/** The bindings, or why there are none. */
export type LibcResult =
  | { readonly libc: Libc; readonly reason: '' }
  | { readonly libc: null; readonly reason: string };

let result: LibcResult | null = null;

/** Loads the bindings at the first call; later calls get the same. Never throws. */
export function loadLibc(): LibcResult {
  result ??= tryLoad();
  return result;
}

function tryLoad(): LibcResult {
  try {
    // Not an import: a missing or broken native part must not keep the daemon from starting.
    const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
    return { libc: bindFunctions(koffi), reason: '' };
  } catch (error) {
    return { libc: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

function bindFunctions(koffi: typeof Koffi): Libc {
  const library = openLibrary(koffi);
  const mmap = library.func('void* mmap(void*, size_t, int, int, int, int64_t)');
  return {
    socket: library.func('int socket(int, int, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, void*, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, void*, void*)'),
    bind: library.func('int bind(int, void*, uint32_t)'),
    getsockname: library.func('int getsockname(int, void*, void*)'),
    close: library.func('int close(int)'),
    // Addresses as numbers: koffi converts them a little faster than pointers.
    recvmmsg: library.func('int recvmmsg(int, uintptr_t, uint32_t, int, uintptr_t)'),
    sendmmsg: library.func('int sendmmsg(int, uintptr_t, uint32_t, int)'),
    recvmsg: library.func('intptr_t recvmsg(int, uintptr_t, int)'),
    sendmsg: library.func('intptr_t sendmsg(int, uintptr_t, int)'),
    listen: library.func('int listen(int, int)'),
    accept4: library.func('int accept4(int, uintptr_t, uintptr_t, int)'),
    recv: library.func('intptr_t recv(int, uintptr_t, size_t, int)'),
    send: library.func('intptr_t send(int, uintptr_t, size_t, int)'),
    epoll_create1: library.func('int epoll_create1(int)'),
    epoll_ctl: library.func('int epoll_ctl(int, int, int, uintptr_t)'),
    epoll_wait: library.func('int epoll_wait(int, uintptr_t, int, int)'),
    poll: library.func('int poll(uintptr_t, unsigned long, int)'),
    usleep: library.func('int usleep(uint32_t)'),
    timerfd_create: library.func('int timerfd_create(int, int)'),
    timerfd_settime: library.func('int timerfd_settime(int, int, uintptr_t, uintptr_t)'),
    errno: koffi.errno,
    addressOf: (buffer) => Number(koffi.address(buffer)),
    map(length) {
      const block = mmap(null, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
      // MAP_FAILED is (void*)−1.
      if (BigInt.asIntN(64, koffi.address(block)) === -1n) {
        throw new Error(`mapping ${length} octets of memory: errno ${koffi.errno()}`);
      }
      return { bytes: koffi.view(block, length), address: Number(koffi.address(block)) };
    },
    watch: (fd, onReadable) => watch(koffi, fd, onReadable),
  };
}

function openLibrary(koffi: typeof Koffi): ReturnType<typeof Koffi.load> {
  let reason: unknown;
  for (const name of LIBRARY_NAMES) {
    try {
      return koffi.load(name);
    } catch (error) {
      reason ??= error;
    }
  }
  throw reason;
}

/** libuv's poll handle. After an error on the descriptor libuv stops it: we start it again. */
function watch(koffi: typeof Koffi, fd: number, onReadable: () => boolean): Watcher {
  const handle = koffi.node.poll(fd, { readable: true }, function onPoll(status: unknown): void {
    let hasJobs = true;
    try {
      hasJobs = onReadable();
    } catch (error) {
      // koffi would swallow it; this way it is an uncaught exception like any other.
      setImmediate(rethrow, error);
    }
    // Node runs no ticks and no promise jobs after a call from koffi, but does so after immediates.
    if (hasJobs) setImmediate(doNothing);
    if (status !== 0 && !isClosed) handle.start({ readable: true }, onPoll);
  });
  let isClosed = false;
  return {
    close() {
      isClosed = true;
      handle.close();
    },
  };
}

function doNothing(): void {}

function rethrow(error: unknown): void {
  throw error;
}
