import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Ports below the range that the kernel gives to clients, so that no socket under test takes one. */
const FIRST = 20_000;
const COUNT = 10_000;

/** Ports handed out in this process. BOUNDED by COUNT. */
const given = new Set<number>();

/** A port of 127.0.0.1 that is free over UDP and TCP now, and not handed out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port)) continue;
    given.add(port);
    if ((await isTcpFree(port)) && (await isUdpFree(port))) return port;
  }
}

function isTcpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function isUdpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
