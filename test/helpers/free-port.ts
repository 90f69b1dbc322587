import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Ports below the range that the kernel gives to clients, so that no socket under test takes one. */
const FIRST = 20_000;
const COUNT = 10_000;

/**
 * A port of 127.0.0.1 that is free over UDP and TCP now, and given to nobody else who asks here, in
 * this process or another, for as long as this process lives.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if ((await isFree(port)) && (await reserve(port))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  return (await isTcpFree(port)) && (await isUdpFree(port));
}

/** Holds a name that only one process can hold: an abstract unix socket, gone with the process. */
function reserve(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const holder = createServer();
    holder.unref();
    holder.once('error', () => resolve(false));
    holder.listen(`\0nodelocaldns-test-port-${port}`, () => resolve(true));
  });
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
