/**
 * A DNS upstream that is not the bottleneck: turns each query into its answer in place. Names that
 * start with `n` have an address, all others do not exist. Run with the port to listen on, and the
 * address if it is not 127.0.0.1.
 */
import { createSocket } from 'node:dgram';

const QUESTION = 12;
const LETTER_N = 0x6e;
/** Behind a pointer to the question: A, IN, 30 s, 10.0.0.1. */
const ADDRESS = Buffer.from('c00c000100010000001e00040a000001', 'hex');
/** For the root: SOA, IN, 30 s, and the least there can be of one. */
const SOA = Buffer.from(`00000600010000001e0016${'00'.repeat(22)}`, 'hex');

const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
socket.on('message', (query, from) => {
  const exists = (query[QUESTION + 1] | 0x20) === LETTER_N;
  const reply = Buffer.concat([query.subarray(0, questionEnd(query)), exists ? ADDRESS : SOA]);
  reply.writeUInt16BE(exists ? 0x8180 : 0x8183, 2);
  reply.writeUInt16BE(exists ? 1 : 0, 6);
  reply.writeUInt16BE(exists ? 0 : 1, 8);
  reply.writeUInt16BE(0, 10);
  socket.send(reply, from.port, from.address);
});
const [port, address = '127.0.0.1'] = process.argv.slice(2);
socket.bind(Number(port), address, () => console.log('listening'));

function questionEnd(query: Buffer): number {
  let at = QUESTION;
  while (query[at] !== 0) at += 1 + query[at];
  return at + 5;
}
