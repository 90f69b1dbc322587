/**
 * A TUN device held open by this process: the kernel removes it, with its addresses, the moment the
 * last process that holds it is gone, however that came about. Two instances may hold it at once
 * (IFF_MULTI_QUEUE). Nothing is ever read from it: local delivery does not go through the device.
 */
import { type CLibrary, loadCLibrary } from './c-library.ts';
import { errorText, HostError } from './host-error.ts';

const PATH = '/dev/net/tun';
const O_RDWR_CLOEXEC = 0o2 | 0o2000000;
/** _IOW('T', 202, int), linux/if_tun.h. */
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
/** struct ifreq: 16 octets of name, then a union whose first two octets are the flags. */
const IFREQ_LENGTH = 40;
const FLAGS_OFFSET = 16;

export class TunDevice {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Makes the device, or joins the one of this name. Throws HostError. */
  static open(name: string): TunDevice {
    const { koffi, libc } = cLibrary();
    const open = libc.func('int open(const char* path, int flags)');
    const ioctl = libc.func('int ioctl(int descriptor, unsigned long request, void* argument)');
    const descriptor: number = open(PATH, O_RDWR_CLOEXEC);
    if (descriptor < 0) throw refused(`opening ${PATH}`, koffi.errno());
    const request = Buffer.alloc(IFREQ_LENGTH);
    request.write(name, 'latin1');
    request.writeUInt16LE(IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE, FLAGS_OFFSET);
    if (ioctl(descriptor, TUNSETIFF, request) < 0) {
      const errno = koffi.errno();
      closeDescriptor(descriptor);
      throw refused(`making the TUN device "${name}"`, errno);
    }
    return new TunDevice(descriptor);
  }

  close(): void {
    closeDescriptor(this.#descriptor);
  }
}

function cLibrary(): CLibrary {
  try {
    return loadCLibrary();
  } catch (cause) {
    const reason = `calling the C library: ${errorText(cause)}; use -interfacetype dummy`;
    throw new HostError('tun', reason, cause);
  }
}

function closeDescriptor(descriptor: number): void {
  cLibrary().libc.func('int close(int descriptor)')(descriptor);
}

function refused(action: string, errno: number): HostError {
  const name =
    Object.entries(cLibrary().koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? errno;
  return new HostError(
    'tun',
    `${action}: ${name}; mount ${PATH} into the pod and allow it (device cgroup, NET_ADMIN), or use -interfacetype dummy`,
  );
}
