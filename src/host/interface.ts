/**
 * The network device that holds the local addresses: made, adopted, kept and deleted, but only when
 * it is of a kind that we make (spec §2.1). It stays administratively DOWN as in the original; the
 * kernel delivers to its addresses all the same, and node agents that watch links see no new one.
 */
import type { Log } from '../log/log.ts';
import { HostError } from './host-error.ts';
import { canonicalIp } from './ip.ts';
import { type LinkInfo, NetlinkError, type NetlinkSocket } from './netlink-socket.ts';
import { TunDevice } from './tun.ts';

export type InterfaceType = 'dummy' | 'tun';

export interface InterfaceOptions {
  readonly name: string;
  readonly type: InterfaceType;
}

/** Virtual devices, silent while DOWN, for kernels without the driver of the original's `dummy`. */
const FALLBACK_KINDS = ['ifb', 'bridge'];
/** Tells our devices of these kinds from those that others make, such as a CNI's bridge. */
const ALIAS = 'NodeLocal DNS Cache';
/** IFNAMSIZ less the closing zero. */
const MAX_NAME_LENGTH = 15;

export class NodeInterface {
  readonly #options: InterfaceOptions;
  readonly #socket: NetlinkSocket;
  readonly #log: Log;
  #link: LinkInfo | null = null;
  #tun: TunDevice | null = null;
  #saidOtherKind = false;

  constructor(options: InterfaceOptions, modules: { socket: NetlinkSocket; log: Log }) {
    this.#options = options;
    this.#socket = modules.socket;
    this.#log = modules.log;
  }

  /** The kernel's number of the device; 0 while there is none. */
  get index(): number {
    return this.#link?.index ?? 0;
  }

  /**
   * Makes the device, or adopts one of our kind. Throws HostError for a name that another kind of
   * device has or that the kernel would not take, NetlinkError when the kernel refuses.
   */
  async ensure(): Promise<void> {
    const { name } = this.#options;
    if (!isValidName(name)) throw invalidName(name);
    let link = await this.#socket.link(name);
    if (link === null) {
      await this.#create();
      link = await this.#socket.link(name);
      this.#log.info(`Added interface - ${name}`);
    } else if (this.#link?.index !== link.index) {
      if (!this.#isOurs(link)) throw foreignKind(name, link.kind);
      if (this.#options.type === 'tun') this.#tun = TunDevice.open(name);
      this.#log.info(`Adopted the interface "${name}", a ${link.kind} device that was there`);
    }
    this.#link = link;
  }

  /** Adds an address, or renews its lifetime (seconds; 0: unlimited). Throws NetlinkError. */
  async setAddress(ip: string, lifetimeSeconds: number): Promise<void> {
    await this.#socket.setAddress(this.index, ip, lifetimeSeconds);
  }

  /** Removes an address; fine when it is not there. */
  async deleteAddress(ip: string): Promise<void> {
    if (this.#link === null) return;
    try {
      await this.#socket.deleteAddress(this.index, ip);
    } catch (cause) {
      if (!isAlreadyGone(cause)) throw cause;
    }
  }

  /** The addresses that the device holds, in canonical form. */
  async addresses(): Promise<string[]> {
    if (this.#link === null) return [];
    return (await this.#socket.addresses(this.index)).map(({ ip }) => ip);
  }

  /** Removes every address but these: leftovers of an earlier configuration. */
  async removeStaleAddresses(wanted: readonly string[]): Promise<void> {
    const keep = new Set(wanted.map(canonicalIp));
    for (const ip of await this.addresses()) {
      // An IPv6 link-local address is the kernel's own doing on a device that is UP.
      if (keep.has(ip) || ip.startsWith('fe80:')) continue;
      this.#log.info(`Removing the stale address ${ip} from "${this.#options.name}"`);
      await this.deleteAddress(ip);
    }
  }

  /** Deletes the device if it is of our kind; fine when it is gone. */
  async remove(): Promise<void> {
    const link = await this.#socket.link(this.#options.name);
    if (link !== null && this.#isOurs(link)) {
      try {
        await this.#socket.deleteLink(link.index);
      } catch (cause) {
        if (!isAlreadyGone(cause)) throw cause;
      }
    }
    this.release();
  }

  /** Lets go of the device without deleting it: another instance goes on with it. */
  release(): void {
    this.#tun?.close();
    this.#tun = null;
    this.#link = null;
  }

  #isOurs(link: LinkInfo): boolean {
    if (this.#options.type === 'tun') return link.kind === 'tun';
    return link.kind === 'dummy' || link.alias === ALIAS;
  }

  async #create(): Promise<void> {
    const { name, type } = this.#options;
    if (type === 'tun') {
      this.#tun?.close();
      this.#tun = TunDevice.open(name);
      return;
    }
    for (const kind of ['dummy', ...FALLBACK_KINDS]) {
      if (!(await this.#tryCreate(name, kind))) continue;
      if (kind !== 'dummy') await this.#markFallback(name, kind);
      return;
    }
    throw new HostError(
      'interface-create',
      `this kernel can make no device of kind dummy, ${FALLBACK_KINDS.join(' or ')}: load one of these drivers, or make "${name}" yourself and use -setupinterface=false`,
    );
  }

  async #markFallback(name: string, kind: string): Promise<void> {
    const link = await this.#socket.link(name);
    if (link !== null) await this.#socket.setAlias(link.index, ALIAS);
    if (this.#saidOtherKind) return;
    this.#saidOtherKind = true;
    this.#log.warning(
      `this kernel has no "dummy" driver: "${name}" is made a device of kind "${kind}", which serves as well`,
    );
  }

  /** False when the kernel has no driver of this kind. */
  async #tryCreate(name: string, kind: string): Promise<boolean> {
    try {
      await this.#socket.createLink(name, kind);
      return true;
    } catch (cause) {
      if (cause instanceof NetlinkError) {
        if (cause.code === 'EEXIST') return true;
        if (cause.code === 'EOPNOTSUPP' || cause.code === 'ENOTSUP') return false;
      }
      throw cause;
    }
  }
}

function isValidName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_NAME_LENGTH && !/[\s/:]|^\.{1,2}$/.test(name);
}

function isAlreadyGone(cause: unknown): boolean {
  return (
    cause instanceof NetlinkError && (cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENODEV')
  );
}

function invalidName(name: string): HostError {
  return new HostError(
    'interface-name',
    `"${name}" is no interface name: use 1 to ${MAX_NAME_LENGTH} characters without space, slash or colon (-interfacename)`,
  );
}

function foreignKind(name: string, kind: string | null): HostError {
  const what = kind === null ? 'hardware or the loopback device' : `a device of kind "${kind}"`;
  return new HostError(
    'interface-kind',
    `the interface "${name}" exists and is ${what}, not one that this program makes: choose another name with -interfacename, or remove it with "ip link delete ${name}"`,
  );
}
