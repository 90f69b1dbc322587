/**
 * Watches many descriptors with an epoll instance of our own, whose one descriptor libuv watches:
 * a connection costs one epoll_ctl(2), and all that are ready are found with one epoll_wait(2).
 */
import { SlotMap } from '../tables/slot-map.ts';
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  type Libc,
  SOCK_CLOEXEC,
  type Watcher,
} from './libc.ts';

/** Descriptors looked at per turn of the event loop. */
const MAX_EVENTS = 64;
/** struct epoll_event is packed on x86_64 alone: events 4, data 8. Elsewhere 4 of padding between. */
const EVENT_STRIDE = process.arch === 'x64' ? 12 : 16;
const EVENT_DATA = EVENT_STRIDE - 8;

/** Takes what happened to a descriptor. */
export interface EpollTarget {
  /**
   * `events` is a set of EPOLLIN, EPOLLOUT and error bits. May come once for nothing, when the
   * number of a closed descriptor was given to this one in the same turn.
   */
  onEvents(events: number): void;
}

/** A descriptor stays with its owner, who closes it after `remove`. */
export class Epoll {
  readonly #libc: Libc;
  /** BOUNDED by the listeners and by the limit on connections. */
  readonly #targets = new SlotMap<number, EpollTarget>();
  readonly #events: Buffer;
  readonly #address: number;
  /** Both exist while there are targets. */
  #fd = -1;
  #watcher: Watcher | null = null;

  constructor(libc: Libc) {
    this.#libc = libc;
    const { bytes, address } = libc.map((MAX_EVENTS + 1) * EVENT_STRIDE);
    this.#events = Buffer.from(bytes);
    this.#address = address;
  }

  /** Watches `fd` for `events`. */
  add(fd: number, events: number, target: EpollTarget): void {
    if (this.#targets.size === 0) this.#open();
    this.#targets.add(fd, target);
    this.#control(EPOLL_CTL_ADD, fd, events);
  }

  /** Watches for other events. Errors are always among them. */
  change(fd: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }

  /** @param isClosing the descriptor is closed right after, which takes it out of the kernel's set */
  remove(fd: number, isClosing: boolean): void {
    if (!this.#targets.delete(fd)) return;
    if (!isClosing) this.#control(EPOLL_CTL_DEL, fd, 0);
    if (this.#targets.size === 0) this.#close();
  }

  #open(): void {
    this.#fd = this.#libc.epoll_create1(SOCK_CLOEXEC);
    this.#watcher = this.#libc.watch(this.#fd, () => this.#dispatch());
  }

  #close(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#libc.close(this.#fd);
    this.#fd = -1;
  }

  /** The event of a change lies behind those of a dispatch, which may be under way. */
  #control(operation: number, fd: number, events: number): void {
    const at = MAX_EVENTS * EVENT_STRIDE;
    this.#events.writeUInt32LE(events, at);
    this.#events.writeUInt32LE(fd, at + EVENT_DATA);
    this.#libc.epoll_ctl(this.#fd, operation, fd, this.#address + at);
  }

  #dispatch(): boolean {
    const events = this.#events;
    const count = this.#libc.epoll_wait(this.#fd, this.#address, MAX_EVENTS, 0);
    for (let i = 0; i < count; i++) {
      const at = i * EVENT_STRIDE;
      this.#targets.get(events.readUInt32LE(at + EVENT_DATA))?.onEvents(events.readUInt32LE(at));
    }
    return true;
  }
}
