/**
 * The floor of a UDP server with our I/O: answers each query with itself and the QR bit set.
 * `node bench/load/echo.ts [port] [batch]`
 */
import type { Door, PacketHandler } from '../../src/server/door.ts';
import { loadLibc } from '../../src/server/libc.ts';
import { PacketMemory } from '../../src/server/packet-memory.ts';
import { UdpListener } from '../../src/server/udp-listener.ts';
import { UdpOutbox } from '../../src/server/udp-outbox.ts';

const port = Number(process.argv[2] ?? 6000);
const slots = Number(process.argv[3] ?? 64);

class Echo implements PacketHandler {
  batchStart(): void {}

  handle(packet: Buffer, start: number, length: number, _capacity: number, _door: Door): number {
    packet[start + 2] |= 0x80;
    return length;
  }

  batchEnd(): void {}
}

const { libc, reason } = loadLibc();
if (libc === null) throw new Error(reason);
const listener = new UdpListener(
  { address: '127.0.0.1', port },
  {
    libc,
    memory: new PacketMemory(slots, libc),
    outbox: new UdpOutbox(libc),
    handler: new Echo(),
  },
);
await listener.start();
