/**
 * Asks for random names from one address, at a rate that does not depend on the answers. Run with
 * ADDRESS PORT PER_SECOND SECONDS; prints what came back, by response code, as JSON.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

const [address, port, perSecond, seconds] = process.argv.slice(2);
/** A header with RD and one question, without its ID; then the end of the question. */
const HEAD = Buffer.from('01000001000000000000', 'hex');
const TAIL = Buffer.from('05666c6f6f64047465737400' + '00010001', 'hex');
const LABEL_LENGTH = 12;

const socket = createSocket('udp4');
const replies: Record<number, number> = {};
let sent = 0;

socket.on('message', (reply) => {
  const rcode = reply[3] & 15;
  replies[rcode] = (replies[rcode] ?? 0) + 1;
});
socket.bind(0, address, () => {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const elapsed = (performance.now() - startedAt) / 1000;
    const due = Math.min(elapsed, Number(seconds)) * Number(perSecond);
    for (; sent < due; sent++) socket.send(randomQuery(), Number(port), '127.0.0.1');
    if (elapsed < Number(seconds)) return;
    clearInterval(timer);
    setTimeout(() => {
      console.log(JSON.stringify({ sent, replies }));
      process.exit();
    }, 300);
  }, 1);
});

function randomQuery(): Buffer {
  const label = Buffer.from(`x${randomBytes(6).toString('hex').slice(1)}`);
  return Buffer.concat([randomBytes(2), HEAD, Buffer.from([LABEL_LENGTH]), label, TAIL]);
}
