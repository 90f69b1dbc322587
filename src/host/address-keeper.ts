/**
 * Keeps the interface and its addresses: makes them, renews them, puts them back when others take
 * them away. Pieces of work wait for one another; apart from `prepare` nothing rejects.
 */
import type { Clock } from '../log/clock.ts';
import type { Log } from '../log/log.ts';
import { AddressRenewal } from './address-renewal.ts';
import { checkAddresses } from './conflict.ts';
import { errorText, HostError } from './host-error.ts';
import { type InterfaceType, NodeInterface } from './interface.ts';
import { canonicalIp } from './ip.ts';
import { NetlinkError, NetlinkSocket } from './netlink-socket.ts';
import type { NodeEvents } from './node-events.ts';
import { hasOtherOwner } from './other-instance.ts';
import { Serial } from './serial.ts';
import type { SetupErrors } from './setup-errors.ts';

/** So much before the end of its lifetime the kernel may take an address away. */
const LAPSE_SLACK_MS = 250;

export interface AddressKeeperOptions {
  readonly localIps: readonly string[];
  readonly dnsPort: number;
  readonly interfaceName: string;
  readonly interfaceType: InterfaceType;
}

export interface AddressKeeperModules {
  readonly log: Log;
  readonly counters: SetupErrors;
  readonly events: NodeEvents;
  readonly clock: Clock;
  /** Whether an address may be held now. */
  readonly mayHold: (ip: string) => boolean;
}

export class AddressKeeper {
  readonly #options: AddressKeeperOptions;
  readonly #modules: AddressKeeperModules;
  readonly #serial = new Serial();
  /** The addresses that the device has from us. BOUNDED by the local addresses. */
  readonly #held = new Set<string>();
  /** Those of them that others have removed and that are not back yet. */
  readonly #lost = new Set<string>();
  /** When the kernel takes the addresses away, unless they are renewed. */
  #endsAtMs = 0;
  readonly #renewal = new AddressRenewal();
  #socket: NetlinkSocket | null = null;
  #device: NodeInterface | null = null;
  /** Whether the device is as it was, for all that we have heard since. */
  #isUnchanged = false;
  #repairPlanned = false;
  #turn = 0;
  #isClosed = false;

  constructor(options: AddressKeeperOptions, modules: AddressKeeperModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /**
   * Looks for conflicts, makes or adopts the interface, and takes from it the addresses on which
   * nobody answers. Throws HostError when it cannot work.
   */
  prepare(): Promise<void> {
    return this.#serial.run(() => this.#prepare());
  }

  /** Adds the addresses that may be held, or renews them; 0: without end. */
  hold(lifetimeMs: number): Promise<void> {
    return this.#serial.run(() => this.#hold(lifetimeMs));
  }

  /** Removes the addresses. */
  drop(): Promise<void> {
    return this.#serial.run(() => this.#drop());
  }

  /** The addresses that the device has from us. */
  get held(): readonly string[] {
    return [...this.#held];
  }

  /** The held addresses, one after the other; the first of all while there is none. */
  nextHeld(): string {
    const held = [...this.#held];
    return held[this.#turn++ % Math.max(1, held.length)] ?? this.#options.localIps[0];
  }

  /** Removes addresses that are not ours from the interface. */
  async removeStale(): Promise<void> {
    await this.#serial.run(async () => {
      this.#isUnchanged = false;
      try {
        await this.#device?.removeStaleAddresses(this.#options.localIps);
      } catch (cause) {
        this.#fail('interfaceCheck', 'looking for stale addresses', cause);
      }
    });
  }

  /** Calls `onLoss` when the kernel removed something from the interface, once for many removals. */
  watch(onLoss: () => void): void {
    this.#socket?.watch((linkIndex, ip) => {
      const isOurs = linkIndex === 0 || linkIndex === this.#device?.index;
      if (!isOurs) return;
      if (ip !== null) this.#noteLoss(ip);
      // Its addresses went with it.
      else this.#lost.clear();
      this.#isUnchanged = false;
      if (this.#repairPlanned) return;
      this.#repairPlanned = true;
      setImmediate(() => {
        this.#repairPlanned = false;
        if (!this.#isClosed) onLoss();
      });
    });
  }

  #noteLoss(lostIp: string): void {
    // The kernel ends what was not renewed in time: that is nobody's doing.
    if (this.#modules.clock.nowMs() >= this.#endsAtMs - LAPSE_SLACK_MS) return;
    const ip = this.held.find((held) => canonicalIp(held) === lostIp);
    if (ip !== undefined) this.#lost.add(ip);
  }

  /** Deletes the interface; what is asked for later does nothing. */
  async remove(): Promise<void> {
    await this.#serial.run(async () => {
      try {
        await this.#device?.remove();
        this.#modules.log.info(`Removed interface - ${this.#options.interfaceName}`);
      } catch (cause) {
        this.#fail('interfaceCheck', 'removing the interface', cause);
      }
      this.#close();
    });
  }

  /** Lets go of the interface and leaves it as it is. */
  async release(): Promise<void> {
    await this.#serial.run(async () => {
      this.#device?.release();
      this.#close();
    });
  }

  async #prepare(): Promise<void> {
    const { interfaceName, interfaceType, localIps, dnsPort } = this.#options;
    const { log } = this.#modules;
    const socket = new NetlinkSocket();
    this.#socket = socket;
    try {
      await checkAddresses(this.#options, { socket, log });
    } catch (cause) {
      if (cause instanceof HostError) throw cause;
      // A kernel that is busy with other devices and answers late is no reason not to serve.
      this.#fail('interfaceCheck', 'looking for conflicts', cause);
    }
    this.#device = new NodeInterface({ name: interfaceName, type: interfaceType }, { socket, log });
    try {
      await this.#device.ensure();
      // Addresses that nobody answers on would swallow queries until we listen.
      const isServed = localIps.some((ip) => hasOtherOwner(ip, dnsPort));
      await this.#device.removeStaleAddresses(isServed ? localIps : []);
    } catch (cause) {
      this.#fail('interfaceAdd', 'setting up the interface', cause);
      if (cause instanceof HostError) throw cause;
    }
  }

  async #hold(lifetimeMs: number): Promise<void> {
    if (!this.#renewAtOnce(lifetimeMs)) await this.#holdOrRepair(lifetimeMs);
    const lastsMs = lifetimeMs === 0 ? Number.POSITIVE_INFINITY : lifetimeMs;
    this.#endsAtMs = this.#modules.clock.nowMs() + lastsMs;
  }

  /** Where all is as it was, which it nearly always is. False: nothing may have been done. */
  #renewAtOnce(lifetimeMs: number): boolean {
    const { localIps } = this.#options;
    if (this.#device === null || !this.#isUnchanged || this.#lost.size > 0) return false;
    if (lifetimeMs === 0) return false;
    const isSame = localIps.every((ip) => this.#held.has(ip) && this.#modules.mayHold(ip));
    return isSame && this.#renewal.renew(this.#device.index, localIps, lifetimeMs / 1000);
  }

  async #holdOrRepair(lifetimeMs: number): Promise<void> {
    if (!(await this.#hasDevice())) return;
    let causes = await this.#holdAll(lifetimeMs);
    // It went away before we heard of it.
    if (causes.some(isNoDevice) && (await this.#hasDevice()))
      causes = await this.#holdAll(lifetimeMs);
    for (const cause of causes) this.#fail('interfaceCheck', 'setting up the addresses', cause);
  }

  /** Makes the device if it is not there. Looked for only when something has happened to it. */
  async #hasDevice(): Promise<boolean> {
    const device = this.#device;
    if (device === null || this.#isUnchanged) return device !== null;
    try {
      const before = device.index;
      await device.ensure();
      if (before !== 0 && device.index !== before) this.#modules.events.repairs.interface++;
      this.#isUnchanged = true;
    } catch (cause) {
      this.#fail('interfaceAdd', 'setting up the interface', cause);
    }
    return this.#isUnchanged;
  }

  /** All at once: the answers wake the event loop once. Resolves to what went wrong. */
  async #holdAll(lifetimeMs: number): Promise<unknown[]> {
    const device = this.#device;
    if (device === null) return [];
    const results = this.#options.localIps.map((ip) => this.#holdOne(device, ip, lifetimeMs));
    const causes = (await Promise.all(results)).filter((cause) => cause !== null);
    if (causes.length > 0) this.#isUnchanged = false;
    return causes;
  }

  /** Resolves to what went wrong, null for nothing. */
  async #holdOne(device: NodeInterface, ip: string, lifetimeMs: number): Promise<unknown> {
    try {
      if (this.#modules.mayHold(ip)) {
        await device.setAddress(ip, lifetimeMs / 1000);
        this.#held.add(ip);
        if (this.#lost.delete(ip)) this.#modules.events.repairs.address++;
      } else if (this.#held.delete(ip)) {
        this.#modules.log.warning(`Giving ${ip} back to kube-dns: its rules are not in place`);
        await device.deleteAddress(ip);
      }
      return null;
    } catch (cause) {
      return cause;
    }
  }

  async #drop(): Promise<void> {
    this.#held.clear();
    this.#lost.clear();
    for (const ip of this.#options.localIps) {
      try {
        await this.#device?.deleteAddress(ip);
      } catch (cause) {
        this.#fail('interfaceCheck', 'giving up the addresses', cause);
      }
    }
  }

  #close(): void {
    this.#isClosed = true;
    this.#device = null;
    this.#socket?.close();
    this.#socket = null;
    this.#renewal.close();
  }

  #fail(counter: 'interfaceAdd' | 'interfaceCheck', action: string, cause: unknown): void {
    this.#modules.counters[counter]++;
    this.#modules.log.error(`${action} of "${this.#options.interfaceName}": ${errorText(cause)}`);
  }
}

function isNoDevice(cause: unknown): boolean {
  return cause instanceof NetlinkError && cause.code === 'ENODEV';
}
