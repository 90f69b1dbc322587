/**
 * The floor for our figures: the daemon's own batched listener with a handler that turns each query
 * into its reply by one bit. `node bench/echo.ts PORT` serves 127.0.0.1.
 */
import type { PacketHandler } from '../src/server/door.ts';
import { loadLibc } from '../src/server/libc.ts';
import { PacketMemory } from '../src/server/packet-memory.ts';
import { UdpListener } from '../src/server/udp-listener.ts';
import { UdpOutbox } from '../src/server/udp-outbox.ts';

/** As many as the daemon takes at once. */
const SLOTS = 64;
/** Octet and bit of QR, which tells a reply from a query (RFC 1035 §4.1.1). */
const QR_AT = 2;
const QR_BIT = 0x80;

const echo: PacketHandler = {
  batchStart: () => {},
  batchEnd: () => {},
  handle: (packet, start, length) => {
    packet[start + QR_AT] |= QR_BIT;
    return length;
  },
};

const { libc } = loadLibc();
if (libc === null) throw new Error('batched input and output need koffi');
const modules = {
  libc,
  memory: new PacketMemory(SLOTS, libc),
  outbox: new UdpOutbox(libc),
  handler: echo,
};
await new UdpListener({ address: '127.0.0.1', port: Number(process.argv[2]) }, modules).start();
// The listener's own handle does not keep the process alive.
setInterval(() => {}, 1 << 30);
