/**
 * Asks until someone answers and prints when that was, in Unix milliseconds.
 * `node bench/load/first-answer.ts ADDRESS NAME`, in a network namespace of its own.
 */
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { encode } from 'dns-packet';

const RETRY_MS = 1;

const [address, name] = process.argv.slice(2);
const query = encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] });
const socket = createSocket('udp4');
// Until the address is there, nobody can be reached.
socket.on('error', () => {});
const timer = setInterval(() => socket.send(query, 53, address, () => {}), RETRY_MS);
socket.once('message', () => {
  console.log(performance.timeOrigin + performance.now());
  clearInterval(timer);
  socket.close();
});
console.error('asking');
