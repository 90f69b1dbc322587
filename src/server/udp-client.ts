/** The sender of a datagram, kept for a reply that comes later. */
import type { Client } from '../dns/query.ts';
import { addressOfName, decodeAddress, NAME_LENGTH_V4 } from '../sockets/socket-address.ts';
import { isWildcard, PKTINFO_LENGTH_V6 } from './open-socket.ts';
import type { UdpEndpoint } from './udp-endpoint.ts';
import type { UdpOutbox } from './udp-outbox.ts';

export class UdpClient implements Client {
  readonly transport = 'udp';
  readonly #endpoint: UdpEndpoint;
  readonly #outbox: UdpOutbox;
  /** Socket address and control message as the kernel gave them: latin1 text is their smallest form. */
  readonly #name: string;
  readonly #control: string;
  #address = '';

  constructor(endpoint: UdpEndpoint, outbox: UdpOutbox, name: string, control: string) {
    this.#endpoint = endpoint;
    this.#outbox = outbox;
    this.#name = name;
    this.#control = control;
  }

  get family(): 4 | 6 {
    if (this.#name.length === NAME_LENGTH_V4) return 4;
    return this.address.includes(':') ? 6 : 4;
  }

  get address(): string {
    if (this.#address === '') this.#address = addressOfName(this.#name);
    return this.#address;
  }

  get port(): number {
    return (this.#name.charCodeAt(2) << 8) | this.#name.charCodeAt(3);
  }

  get localAddress(): string {
    const { localAddress } = this.#endpoint;
    if (this.#control === '' || !isWildcard(localAddress)) return localAddress;
    const control = Buffer.from(this.#control, 'latin1');
    // in6_pktinfo.ipi6_addr and in_pktinfo.ipi_addr, behind the sixteen octets of a cmsghdr.
    const isV6 = control.length === PKTINFO_LENGTH_V6;
    const octets = isV6 ? control.subarray(16, 32) : control.subarray(24, 28);
    return decodeAddress(octets).address;
  }

  get localPort(): number {
    return this.#endpoint.localPort;
  }

  send(message: Buffer): void {
    this.#outbox.push(this.#endpoint, this.#name, this.#control, message);
  }
}
