/** Acknowledges what was read from a stream at once, not when something is sent or 40 ms later. */
import type { Socket } from 'node:net';
import { descriptorOf } from '../sockets/descriptor.ts';
import { IPPROTO_TCP, loadLibc, TCP_QUICKACK } from '../sockets/libc.ts';

const ON = Buffer.from(Uint32Array.of(1).buffer);

/** Holds for what was read so far: "the flag is not permanent" (tcp(7)). Does nothing where it cannot. */
export function acknowledge(socket: Socket): void {
  const { libc } = loadLibc();
  const fd = descriptorOf(socket);
  if (libc !== null && fd >= 0) libc.setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, ON, ON.length);
}
