/**
 * The floor of a server with our I/O: answers each query with itself and the QR bit set.
 * `node bench/load/echo.ts [port]`, over UDP and TCP.
 */
import { monotonicClock } from '../../src/log/clock.ts';
import { Log } from '../../src/log/log.ts';
import type { PacketHandler } from '../../src/server/door.ts';
import { ListenerFactory } from '../../src/server/listener-factory.ts';

const options = { address: '127.0.0.1', port: Number(process.argv[2] ?? 6000) };
const echo: PacketHandler = {
  hasBacklog: false,
  handedOn: 0,
  inFlight: 0,
  batchStart() {},
  handle(packet, start, length) {
    packet[start + 2] |= 0x80;
    return length;
  },
  batchEnd() {},
};

const listeners = new ListenerFactory(
  { udpSegments: true },
  { log: new Log(console.log), clock: monotonicClock },
);
await listeners.udp(options, echo).start();
await listeners.tcp(options, echo).start();
