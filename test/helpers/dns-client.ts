/** Sends DNS messages as they are and hands back what comes, without reading either. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { frame, readFrames } from './framing.ts';

/** Longer than a query may take in the daemon (its deadline is 5 s). */
const WAIT_MS = 8000;

/** The first datagram that comes back from a port of 127.0.0.1; null when none comes in time. */
export function askUdp(port: number, query: Buffer, waitMs = WAIT_MS): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (reply: Buffer | null) => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(finish, waitMs, null);
    socket.once('message', finish);
    socket.on('error', () => {});
    socket.send(query, port, '127.0.0.1');
  });
}

/**
 * Sends all queries at once over one connection to 127.0.0.1. Resolves to the replies in the order
 * they come: as many as queries, or fewer when the server closes or the time is up.
 */
export function askTcp(
  port: number,
  queries: readonly Buffer[],
  waitMs = WAIT_MS,
): Promise<Buffer[]> {
  return new Promise((resolve) => {
    const replies: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(replies);
    };
    const timer = setTimeout(finish, waitMs);
    socket.on('error', finish);
    socket.on('close', finish);
    socket.on('connect', () => socket.write(Buffer.concat(queries.map(frame))));
    readFrames(socket, (reply) => {
      replies.push(reply);
      if (replies.length === queries.length) finish();
    });
  });
}
