/** HTTPS for the listeners of http-server.ts. */
import type { Server, ServerOptions } from 'node:http';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';

/** What is asked of clients, by the names of Go's crypto/tls. */
export const CLIENT_AUTH_TYPES = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number];

/** Contents of files, in PEM form. */
export interface HttpTls {
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** Who may sign clients' certificates; null: the authorities that come with Node. */
  readonly authorities: Buffer | null;
  readonly clientAuth: ClientAuthType;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** A server that closes connections of clients that are not what `clientAuth` wants. */
export function createTlsServer(tls: HttpTls, options: ServerOptions): Server {
  const { certificate, key, authorities, clientAuth, minVersion } = tls;
  const server = createServer({
    ...options,
    ...{ cert: certificate, key, minVersion },
    ...(authorities === null ? {} : { ca: authorities }),
    requestCert: clientAuth !== 'NoClientCert',
    rejectUnauthorized: clientAuth === 'RequireAndVerifyClientCert',
  });
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const isGiven = socket.getPeerX509Certificate() !== undefined;
    const isMissing = clientAuth === 'RequireAnyClientCert' && !isGiven;
    const isWrong = clientAuth === 'VerifyClientCertIfGiven' && isGiven && !socket.authorized;
    if (isMissing || isWrong) socket.destroy();
  });
  return server;
}
