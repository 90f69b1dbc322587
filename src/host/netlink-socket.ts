/**
 * Links and addresses over rtnetlink: the few requests we need, with the kernel's error names, and
 * the two notifications that matter.
 */
import netlink from 'netlink';
import { errorText } from './host-error.ts';
import { canonicalIp, FAMILY_V4, type Family, familyOf, ipOctets, ipText } from './ip.ts';

/** A network device. */
export interface LinkInfo {
  readonly index: number;
  /** The driver's name (`dummy`, `veth`); null for hardware and loopback. */
  readonly kind: string | null;
  /** A free text that whoever made the device may have left on it. */
  readonly alias: string | null;
}

/** What the kernel took away: an address (canonical text) of a device, or with null the device itself. */
export type LossListener = (linkIndex: number, ip: string | null) => void;

/** An address that never ends (INFINITY_LIFE_TIME in linux/rtnetlink). */
const UNLIMITED = 0xffff_ffff;
const REQUEST_DEADLINE_MS = 2000;
const RT_SCOPE_UNIVERSE = 0;
const NETLINK_ROUTE = 0;
const RTM_DELLINK = 17;
const RTM_DELADDR = 21;
/** `struct ifinfomsg` and `struct ifaddrmsg` both hold the device's index in their second word. */
const INDEX_OFFSET = 4;
const HEADER_LENGTH = 8;
/** The address of a device, and the one that IPv4 means by it where both are there. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

export class NetlinkSocket {
  readonly #requests = netlink.createRtNetlink();
  #events: ReturnType<typeof netlink.createNetlink> | null = null;

  async link(name: string): Promise<LinkInfo | null> {
    try {
      const [link] = await ask(`looking up the interface "${name}"`, () =>
        this.#requests.getLink({}, { ifname: name }, DEADLINE),
      );
      if (link === undefined) return null;
      const { data, attrs } = link;
      const info = attrs.linkinfo === undefined ? null : netlink.ifla.parseInfo(attrs.linkinfo);
      return { index: data.index ?? 0, kind: info?.kind ?? null, alias: attrs.ifalias ?? null };
    } catch (cause) {
      if (cause instanceof NetlinkError && cause.code === 'ENODEV') return null;
      throw cause;
    }
  }

  /** Makes a device and leaves it DOWN. Errors: EEXIST, EPERM, EOPNOTSUPP (no such driver). */
  async createLink(name: string, kind: string): Promise<void> {
    // The package takes a stream here although its types say Buffer.
    const linkinfo = netlink.ifla.formatInfo({ kind }) as Buffer;
    const { CREATE, EXCL } = netlink.FlagsNew;
    await ask(`creating the interface "${name}"`, () =>
      this.#requests.newLink({}, { ifname: name, linkinfo }, { flags: CREATE | EXCL, ...DEADLINE }),
    );
  }

  /** Leaves a text on a device. */
  async setAlias(index: number, alias: string): Promise<void> {
    await ask('marking the interface', () =>
      this.#requests.setLink({ index }, { ifalias: alias }, DEADLINE),
    );
  }

  /** Errors: ENODEV, EPERM. */
  async deleteLink(index: number): Promise<void> {
    await ask('deleting the interface', () => this.#requests.delLink({ index }, {}, DEADLINE));
  }

  /** The addresses of a device (of every device without `linkIndex`), in canonical text. */
  async addresses(linkIndex?: number): Promise<{ ip: string; linkIndex: number }[]> {
    const messages = await ask('listing addresses', () =>
      this.#requests.getAddresses({}, {}, DEADLINE),
    );
    const found: { ip: string; linkIndex: number }[] = [];
    for (const { data, attrs } of messages) {
      const octets = attrs.local ?? attrs.address;
      if (octets === undefined || data.index === undefined) continue;
      if (linkIndex !== undefined && data.index !== linkIndex) continue;
      found.push({ ip: ipText(octets), linkIndex: data.index });
    }
    return found;
  }

  /**
   * Adds an address as a single host (/32 or /128, scope global), or renews its lifetime.
   *
   * @param lifetimeSeconds the kernel removes the address after this; 0: never
   */
  async setAddress(linkIndex: number, ip: string, lifetimeSeconds: number): Promise<void> {
    const lifetime = lifetimeSeconds === 0 ? UNLIMITED : lifetimeSeconds;
    const cacheInfo = { ifaPrefered: lifetime, ifaValid: lifetime, cstamp: 0, tstamp: 0 };
    const { CREATE, REPLACE } = netlink.FlagsNew;
    await ask(`adding the address ${ip}`, () =>
      this.#requests.newAddress(
        addressHeader(linkIndex, ip),
        { ...addressAttributes(ip), cacheInfo },
        { flags: CREATE | REPLACE, ...DEADLINE },
      ),
    );
  }

  /** Errors: EADDRNOTAVAIL when it is not there. */
  async deleteAddress(linkIndex: number, ip: string): Promise<void> {
    await ask(`removing the address ${ip}`, () =>
      this.#requests.delAddress(addressHeader(linkIndex, ip), addressAttributes(ip), DEADLINE),
    );
  }

  /**
   * Calls `listener` for every device and address that the kernel removes from now on. When
   * notifications were lost (ENOBUFS) the index is 0: anything may be gone.
   */
  watch(listener: LossListener): void {
    // Removals are told apart by their message type, which the parsed events do not show.
    const events = netlink.createNetlink(NETLINK_ROUTE);
    events.on('message', (messages) => {
      for (const { type, data } of messages) {
        if (data.length < HEADER_LENGTH) continue;
        const index = data.readInt32LE(INDEX_OFFSET);
        if (type === RTM_DELLINK) listener(index, null);
        else if (type === RTM_DELADDR) listener(index, addressOf(data));
      }
    });
    events.on('error', () => listener(0, null));
    for (const group of ['LINK', 'IPV4_IFADDR', 'IPV6_IFADDR'] as const) {
      events.addMembership(netlink.rt.MulticastGroups[group]);
    }
    this.#events = events;
  }

  close(): void {
    this.#events?.close();
    this.#events = null;
    this.#requests.socket.close();
  }
}

/** A refused request; `code` is the kernel's error name. */
export class NetlinkError extends Error {
  readonly code: string;

  constructor(action: string, code: string, cause: unknown) {
    super(`${action}: ${code}`, { cause });
    this.name = 'NetlinkError';
    this.code = code;
  }
}

const DEADLINE = { timeout: REQUEST_DEADLINE_MS };

async function ask<T>(action: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (cause) {
    // The package names the error only in its text: `Request rejected: EEXIST`.
    const code = /\b(E[A-Z0-9]+)\b/.exec(errorText(cause))?.[1] ?? errorText(cause);
    throw new NetlinkError(action, code, cause);
  }
}

/** The address that a `struct ifaddrmsg` with its attributes tells of; '' for none. */
function addressOf(message: Buffer): string {
  let found = '';
  netlink.parseAttributes(message.subarray(HEADER_LENGTH), ({ type, data }) => {
    if (type === IFA_LOCAL || (type === IFA_ADDRESS && found === '')) found = ipText(data);
  });
  return found;
}

function addressHeader(index: number, ip: string) {
  const family: Family = familyOf(ip);
  return {
    family,
    prefixlen: family === FAMILY_V4 ? 32 : 128,
    index,
    scope: RT_SCOPE_UNIVERSE,
    // Duplicate address detection would hold an IPv6 address back for a second; nobody else is on this link.
    ...(family === FAMILY_V4 ? {} : { flags: { nodad: true as const } }),
  };
}

function addressAttributes(ip: string): { local: Buffer; address: Buffer } {
  const octets = ipOctets(canonicalIp(ip));
  return { local: octets, address: octets };
}
