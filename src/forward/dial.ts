/** Opens streams to an upstream: TCP, or TLS with its session kept for the next connection. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

/** Where an upstream is and how its streams are secured. */
export interface StreamTarget {
  readonly address: string;
  readonly port: number;
  /** Our own address for what is sent; '' for the kernel's choice. */
  readonly sourceAddress: string;
  /** null: plain TCP. */
  readonly tls: TlsOptions | null;
  /** How to ask over HTTPS; absent: it is not. */
  readonly https?: HttpsOptions;
}

/** DNS over HTTPS (RFC 8484). */
export interface HttpsOptions {
  readonly path: string;
  readonly method: 'GET' | 'POST';
}

/** Client side of DNS over TLS (RFC 7858). File contents, not names. */
export interface TlsOptions {
  /** The name the certificate must be for; '' checks against the address. */
  readonly serverName: string;
  readonly certificate: Buffer | null;
  readonly key: Buffer | null;
  /** Who may sign; null: the authorities that come with Node. */
  readonly authorities: Buffer | null;
}

/** Octets that arrive, valid during the call. */
export type OnData = (chunk: Buffer, length: number) => void;

/** All plain streams are read into this one: each is done with it before the next is read. */
const inbox = Buffer.allocUnsafeSlow(65_536);

export function dialTcp(target: StreamTarget, onData: OnData): Socket {
  const callback = (length: number, buffer: Uint8Array) => {
    onData(buffer as Buffer, length);
    return true;
  };
  return connect({
    host: target.address,
    port: target.port,
    noDelay: true,
    onread: { buffer: inbox, callback },
    ...(target.sourceAddress === '' ? {} : { localAddress: target.sourceAddress }),
  });
}

/** Keeps what a TLS server gives for a shorter handshake next time. */
export class TlsDialer {
  readonly #target: StreamTarget;
  readonly #tls: TlsOptions;
  #session: Buffer | null = null;

  constructor(target: StreamTarget, tls: TlsOptions) {
    this.#target = target;
    this.#tls = tls;
  }

  /** @param onData null: who dials reads for himself */
  dial(onData: OnData | null): TLSSocket {
    const { address, port, sourceAddress } = this.#target;
    const { serverName, certificate, key, authorities } = this.#tls;
    const socket = connectTls({
      host: address,
      port,
      minVersion: 'TLSv1.2',
      ...(sourceAddress === '' ? {} : { localAddress: sourceAddress }),
      ...(serverName === '' ? {} : { servername: serverName }),
      ...(certificate === null || key === null ? {} : { cert: certificate, key }),
      ...(authorities === null ? {} : { ca: authorities }),
      ...(this.#session === null ? {} : { session: this.#session }),
      ...(this.#target.https === undefined ? {} : { ALPNProtocols: ['h2'] }),
    });
    socket.setNoDelay(true);
    socket.on('session', (session) => {
      this.#session = session;
    });
    if (onData !== null) socket.on('data', (chunk: Buffer) => onData(chunk, chunk.length));
    return socket;
  }
}
