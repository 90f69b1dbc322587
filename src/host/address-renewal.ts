/**
 * Renews the lifetimes of addresses with one system call for all of them, from a message that is made
 * once: on an idle node little else is done as often. netlink(7): a request without NLM_F_ACK is
 * answered only when it fails.
 */
import { canonicalIp, FAMILY_V4, familyOf, ipOctets } from './ip.ts';
import { NetlinkChannel, netlinkMessage } from './netlink-channel.ts';

const NETLINK_ROUTE = 0;
const RTM_NEWADDR = 20;
const REQUEST_CREATE_REPLACE = 0x001 | 0x400 | 0x100;
/** struct ifaddrmsg: family 1, prefix length 1, flags 1, scope 1, index 4. */
const ADDRESS_HEADER_LENGTH = 8;
const IFA_F_NODAD = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
/** struct rtattr: length 2, type 2. */
const ATTRIBUTE_HEADER_LENGTH = 4;
/** struct ifa_cacheinfo: preferred and valid lifetime in seconds, two time stamps. */
const CACHE_INFO_LENGTH = 16;

export class AddressRenewal {
  /** Undefined before the first renewal, null where there can be none. */
  #channel: NetlinkChannel | null | undefined;
  #request = Buffer.alloc(0);
  #requestKey = '';

  /**
   * Renews addresses of a device, for so many seconds. False when not all of it was done: the plain
   * way (NetlinkSocket) tells why. Never throws.
   */
  renew(linkIndex: number, ips: readonly string[], lifetimeSeconds: number): boolean {
    if (this.#channel === undefined) this.#channel = NetlinkChannel.open(NETLINK_ROUTE);
    if (this.#channel === null) return false;
    const key = `${linkIndex} ${lifetimeSeconds} ${ips.join()}`;
    if (key !== this.#requestKey) {
      this.#request = Buffer.concat(ips.map((ip) => renewal(linkIndex, ip, lifetimeSeconds)));
      this.#requestKey = key;
    }
    return this.#channel.ask(this.#request)?.length === 0;
  }

  close(): void {
    this.#channel?.close();
    this.#channel = null;
  }
}

/** RTM_NEWADDR for a single host, as NetlinkSocket.setAddress sends it. */
function renewal(linkIndex: number, ip: string, lifetimeSeconds: number): Buffer {
  const family = familyOf(ip);
  const octets = ipOctets(canonicalIp(ip));
  const header = Buffer.alloc(ADDRESS_HEADER_LENGTH);
  header.set([family, 8 * octets.length, family === FAMILY_V4 ? 0 : IFA_F_NODAD, 0]);
  header.writeUInt32LE(linkIndex, 4);
  const lifetimes = Buffer.alloc(CACHE_INFO_LENGTH);
  lifetimes.writeUInt32LE(lifetimeSeconds, 0);
  lifetimes.writeUInt32LE(lifetimeSeconds, 4);
  const body = Buffer.concat([
    header,
    attribute(IFA_LOCAL, octets),
    attribute(IFA_ADDRESS, octets),
    attribute(IFA_CACHEINFO, lifetimes),
  ]);
  return netlinkMessage(RTM_NEWADDR, REQUEST_CREATE_REPLACE, body);
}

/** All of ours have a length that needs no padding. */
function attribute(type: number, data: Buffer): Buffer {
  const header = Buffer.alloc(ATTRIBUTE_HEADER_LENGTH);
  header.writeUInt16LE(ATTRIBUTE_HEADER_LENGTH + data.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, data]);
}
