/**
 * The road of a datagram: many are received with one system call, each is answered in its slot, all
 * replies go out with another.
 */
import { latin1Slice } from '../dns/latin1.ts';
import type { Client } from '../dns/query.ts';
import type { Moment } from '../log/clock.ts';
import { type Libc, MSG_DONTWAIT } from '../sockets/libc.ts';
import { type PacketMemory, SLOT_CAPACITY } from '../sockets/packet-memory.ts';
import { familyOf } from '../sockets/socket-address.ts';
import type { Door, PacketHandler } from './door.ts';
import type { Moderation } from './moderation.ts';
import { PKTINFO_LENGTH_V6 } from './open-socket.ts';
import { UdpClient } from './udp-client.ts';
import { sendMessages, type UdpEndpoint } from './udp-endpoint.ts';
import type { UdpOutbox } from './udp-outbox.ts';

/** Full batches answered in one go, before timers and TCP get their turn. */
const MAX_ROUNDS = 4;

/** Where the number of the interface stands in the control message of a wildcard socket. */
const INTERFACE_AT_V4 = 16;
const INTERFACE_AT_V6 = 32;

/** What batches work with; all but the handler is shared by the listeners of the process. */
export interface UdpBatchModules {
  readonly libc: Libc;
  readonly memory: PacketMemory;
  readonly outbox: UdpOutbox;
  readonly moderation: Moderation;
  readonly handler: PacketHandler;
}

export class UdpBatch implements Door {
  readonly transport = 'udp';
  /** When the last queue was empty. The clock is read once for a query: that costs as much as a look-up. */
  nowMs = 0;
  readonly #endpoint: UdpEndpoint;
  readonly #libc: Libc;
  readonly #memory: PacketMemory;
  readonly #outbox: UdpOutbox;
  readonly #moderation: Moderation;
  readonly #handler: PacketHandler;
  /** The slot being handled. */
  #slot = 0;

  constructor(endpoint: UdpEndpoint, modules: UdpBatchModules) {
    this.#endpoint = endpoint;
    this.#libc = modules.libc;
    this.#memory = modules.memory;
    this.#outbox = modules.outbox;
    this.#moderation = modules.moderation;
    this.#handler = modules.handler;
  }

  /**
   * Answers what lies in the socket's queue. Returns false when there may be more. `afterPause`: the queue was
   * empty just now, so that one query is looked for, mostly; true says no more than that then.
   */
  answerQueue(at: Moment, afterPause: boolean): boolean {
    const memory = this.#memory;
    const { fd, nameLength, controlLength } = this.#endpoint;
    memory.shape(nameLength, controlLength);
    this.nowMs = this.#handler.hasBacklog ? at.nowMs : this.#moderation.wait(at.nowMs);
    const isAlone = afterPause && this.#moderation.isCalm;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const count = isAlone
        ? this.#receiveOne()
        : this.#libc.recvmmsg(fd, memory.receiveHeaders, memory.slots, MSG_DONTWAIT, 0);
      // Nothing there, or an error that a later datagram will show again.
      if (count <= 0) return true;
      this.#answer(count);
      if (count < memory.slots) return true;
    }
    return false;
  }

  /** What recvmmsg(2) does for one slot, with less ado. */
  #receiveOne(): number {
    const octets = this.#libc.recvmsg(this.#endpoint.fd, this.#memory.receiveHeaders, MSG_DONTWAIT);
    if (octets < 0) return 0;
    this.#memory.setFirstLength(octets);
    return 1;
  }

  get family(): 4 | 6 {
    const { packet } = this.#memory;
    return familyOf(packet, this.#memory.nameAt(this.#slot), this.#endpoint.nameLength);
  }

  currentClient(): Client {
    const memory = this.#memory;
    const { nameLength, controlLength } = this.#endpoint;
    const name = memory.nameAt(this.#slot);
    const control = memory.controlAt(this.#slot);
    return new UdpClient(
      this.#endpoint,
      this.#outbox,
      latin1Slice(memory.packet, name, name + nameLength),
      controlLength === 0 ? '' : latin1Slice(memory.packet, control, control + controlLength),
    );
  }

  /** Handles the first `count` slots and sends the replies. */
  #answer(count: number): void {
    const memory = this.#memory;
    const handler = this.#handler;
    const { packet } = memory;
    if (this.#endpoint.controlLength !== 0) this.#forgetInterfaces(count);
    handler.batchStart(this);
    let replies = 0;
    for (let slot = 0; slot < count; slot++) {
      this.#slot = slot;
      const start = memory.dataAt(slot);
      const received = memory.receivedLength(slot);
      const length = handler.handle(packet, start, received, SLOT_CAPACITY, this);
      if (length === 0) continue;
      memory.outgoing.add(slot, length);
      replies++;
    }
    if (replies !== 0) sendMessages(this.#endpoint, memory.outgoing, this.#libc);
    this.nowMs = performance.now();
    handler.batchEnd(this);
    this.#moderation.answered(count, count === memory.slots, this);
  }

  /**
   * A control message that came with a query goes back with the reply, for the address of ours in
   * it. The interface in it must go: the way back is the routing table's choice.
   */
  #forgetInterfaces(count: number): void {
    const memory = this.#memory;
    const isV6 = this.#endpoint.controlLength === PKTINFO_LENGTH_V6;
    const offset = isV6 ? INTERFACE_AT_V6 : INTERFACE_AT_V4;
    for (let slot = 0; slot < count; slot++) {
      memory.packet.fill(0, memory.controlAt(slot) + offset, memory.controlAt(slot) + offset + 4);
    }
  }
}
