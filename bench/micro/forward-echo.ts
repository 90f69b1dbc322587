/** The upstream of forward.ts: answers every question with one A record, over UDP and TCP. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { FrameReader, frame } from '../../src/dns/framing.ts';

/** A pointer to the question, A, IN, 60 s, 192.0.2.1. */
const RECORD = Buffer.from('c00c000100010000003c0004c0000201', 'hex');

function answer(query: Buffer): Buffer {
  const reply = Buffer.concat([query, RECORD]);
  reply[2] |= 0x80;
  reply[7] = 1;
  return reply;
}

const tcp = createServer({ noDelay: true }, (socket) => {
  const frames = new FrameReader((chunk, start, end) => {
    socket.write(frame(answer(chunk.subarray(start, end))));
  });
  socket.on('data', (chunk: Buffer) => {
    socket.cork();
    frames.push(chunk);
    socket.uncork();
  });
  socket.on('error', () => {});
});
tcp.listen(0, '127.0.0.1');
await once(tcp, 'listening');
const { port } = tcp.address() as AddressInfo;
const udp = createSocket('udp4');
udp.on('message', (query, from) => udp.send(answer(query), from.port, from.address));
udp.bind(port, '127.0.0.1');
await once(udp, 'listening');
console.log(port);
