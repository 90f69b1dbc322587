/** One DNS message over HTTP/2 and back (RFC 8484). */
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { MAX_MESSAGE_LENGTH } from '../dns/header.ts';
import type { HttpsOptions, StreamTarget, TlsDialer } from './dial.ts';
import { describe } from './socket-problem.ts';

const MEDIA_TYPE = 'application/dns-message';
/** A connection that retires and is not done by then is cut. */
const CLOSE_MS = 10_000;

/** Told once: the reply's message, or null with what went wrong, '' when the connection did. */
export type OnReply = (reply: Buffer | null, problem: string) => void;

/** Starts connecting. The session does not keep the process alive. */
export function openSession(target: StreamTarget, dialer: TlsDialer): ClientHttp2Session {
  const { address, port, tls } = target;
  const host = tls?.serverName || (address.includes(':') ? `[${address}]` : address);
  const session = connect(`https://${host}:${port}`, { createConnection: () => dialer.dial(null) });
  session.unref();
  return session;
}

/** Sends `message`. Returns what takes the request back; `done` is called all the same. */
export function askOverHttps(
  session: ClientHttp2Session,
  { path, method }: HttpsOptions,
  message: Buffer,
  done: OnReply,
): () => void {
  if (session.closed || session.destroyed) {
    setImmediate(done, null, '');
    return () => {};
  }
  const isGet = method === 'GET';
  const stream = session.request(
    {
      ':method': method,
      // RFC 8484 §4.1: "the single variable \"dns\" is defined as the content of the DNS request,
      // encoded with base64url".
      ':path': isGet ? `${path}?dns=${message.toString('base64url')}` : path,
      accept: MEDIA_TYPE,
      ...(isGet ? {} : { 'content-type': MEDIA_TYPE, 'content-length': message.length }),
    },
    { endStream: isGet },
  );
  if (!isGet) stream.end(message);
  const chunks: Buffer[] = [];
  let length = 0;
  let problem = '';
  stream.on('response', (headers) => {
    const { ':status': status, 'content-type': type = '' } = headers;
    if (status !== 200) problem = `HTTP status ${status}`;
    else if (!type.startsWith(MEDIA_TYPE)) problem = `content type "${type}"`;
    if (problem !== '') stream.close(constants.NGHTTP2_CANCEL);
  });
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_MESSAGE_LENGTH) chunks.push(chunk);
    else stream.close(constants.NGHTTP2_CANCEL);
  });
  let isWhole = false;
  stream.on('end', () => {
    isWhole = stream.rstCode === constants.NGHTTP2_NO_ERROR && problem === '';
  });
  stream.on('error', (error) => {
    // A request that waits for its connection fails with a cause of its own.
    problem ||= describe(error.cause instanceof Error ? error.cause : error);
  });
  stream.once('close', () => {
    const reply = isWhole && length > 0 && length <= MAX_MESSAGE_LENGTH;
    done(reply ? Buffer.concat(chunks) : null, problem);
  });
  return () => stream.close(constants.NGHTTP2_CANCEL);
}

/** Closes a session when its requests are done, or after a while. */
export function closeSession(session: ClientHttp2Session): void {
  // Requests of this turn are on their way only when it is over.
  setImmediate(() => session.close());
  const timer = setTimeout(() => session.destroy(), CLOSE_MS).unref();
  session.once('close', () => clearTimeout(timer));
}
