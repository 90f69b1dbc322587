/** UDP sockets of node:dgram, for where the C library cannot be called: at twice the cost. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Attempt } from './attempt.ts';
import { describe } from './socket-problem.ts';
import type { UdpSocket, UdpSocketOwner, UdpSockets, UdpTarget } from './udp-sockets.ts';

export class DgramSockets implements UdpSockets {
  open(target: UdpTarget, owner: UdpSocketOwner): UdpSocket {
    return new DgramSocket(target, owner);
  }
}

class DgramSocket implements UdpSocket {
  readonly isGathering = false;
  readonly #owner: UdpSocketOwner;
  /** Connected, so that the kernel drops what comes from another address or port. */
  readonly #socket: Socket;
  readonly #onSent: (error: Error | null) => void;
  readonly #isConnected: boolean;
  #bindError: Error | null = null;

  constructor(target: UdpTarget, owner: UdpSocketOwner) {
    this.#owner = owner;
    this.#onSent = (error) => {
      if (error !== null) owner.broke(describe(error));
    };
    const family = isIPv6(target.address) ? 6 : 4;
    this.#socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      // Addresses only: resolving them at once makes binding and connecting synchronous.
      lookup: (host, _options, callback) => callback(null, host, family),
    });
    this.#isConnected = this.#connect(target);
  }

  send(attempt: Attempt): void {
    if (this.#bindError !== null) {
      this.#owner.broke(describe(this.#bindError));
      return;
    }
    // Connecting did not work: its error event is on the way.
    if (!this.#isConnected) return;
    const message = Buffer.allocUnsafe(attempt.wire.length);
    attempt.write(message, 0);
    this.#socket.send(message, this.#onSent);
  }

  close(): void {
    this.#socket.close();
  }

  #connect({ address, port, sourceAddress }: UdpTarget): boolean {
    const socket = this.#socket;
    socket.once('error', (error) => {
      this.#bindError = error;
    });
    if (sourceAddress !== '') socket.bind({ port: 0, address: sourceAddress, exclusive: true });
    if (this.#bindError !== null) return false;
    socket.removeAllListeners('error');
    socket.on('error', (error) => this.#owner.broke(describe(error)));
    socket.on('message', (message) => this.#owner.received(message, 0, message.length));
    socket.connect(port, address);
    return isConnected(socket);
  }
}

/** Whether `connect` has worked; dgram has no other way to ask. */
function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}
