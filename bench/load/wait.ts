/** Waits for a DNS server on 127.0.0.1 to answer. */
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import type { Program } from './process.ts';

/** `n0.bench.example. A`, recursion desired. */
const QUERY = Buffer.from(
  '000101000001000000000000026e300562656e6368076578616d706c650000010001',
  'hex',
);
const RETRY_MS = 2;
const GIVE_UP_MS = 15_000;

/** Milliseconds until the first answer. Rejects when the program ends or says nothing. */
export function untilAnswering(program: Program, port: number): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const finish = () => {
      clearInterval(timer);
      socket.close();
    };
    const ask = () => {
      const waitedMs = performance.now() - startedAt;
      if (program.running && waitedMs < GIVE_UP_MS) {
        socket.send(QUERY, port, '127.0.0.1', () => {});
        return;
      }
      finish();
      reject(new Error(`no answer after ${Math.round(waitedMs)} ms:\n${program.output}`));
    };
    const timer = setInterval(ask, RETRY_MS);
    socket.on('error', () => {});
    socket.once('message', () => {
      finish();
      resolve(performance.now() - startedAt);
    });
  });
}
