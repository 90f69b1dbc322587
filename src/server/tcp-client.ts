/** The asker of one query over TCP, kept for a reply that comes later. */
import type { Client } from '../dns/query.ts';
import type { TcpConnection } from './tcp-connection.ts';

export class TcpClient implements Client {
  readonly transport = 'tcp';
  readonly #connection: TcpConnection;
  #isAnswered = false;

  constructor(connection: TcpConnection) {
    this.#connection = connection;
  }

  get family(): 4 | 6 {
    return this.#connection.stream.remote.family;
  }

  get address(): string {
    return this.#connection.stream.remote.address;
  }

  get port(): number {
    return this.#connection.stream.remote.port;
  }

  get localAddress(): string {
    return this.#connection.stream.local.address;
  }

  get localPort(): number {
    return this.#connection.stream.local.port;
  }

  send(message: Buffer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#connection.reply(message);
  }
}
