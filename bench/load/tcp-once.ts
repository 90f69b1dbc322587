/**
 * A load of TCP clients that ask one question each: connect, ask, read the answer, close. dnsperf
 * waits a second between two connections of a client, so it cannot make one.
 *
 *   node tcp-once.ts PORT QUERIES SECONDS     prints { sent, answered, seconds } as JSON
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { streamEncode } from 'dns-packet';

/** Connections at once. */
const CLIENTS = 32;

const [port, path, seconds] = process.argv.slice(2);
const queries = readFileSync(path, 'utf8').trim().split('\n').map(encodeLine);
const startedAt = performance.now();
const endsAt = startedAt + Number(seconds) * 1000;
let sent = 0;
let answered = 0;

await Promise.all(Array.from({ length: CLIENTS }, askOnAndOn));
console.log(JSON.stringify({ sent, answered, seconds: (performance.now() - startedAt) / 1000 }));

async function askOnAndOn(): Promise<void> {
  while (performance.now() < endsAt) await ask(queries[sent++ % queries.length]);
}

/** Resolves when the connection is closed, answered or not. */
function ask(query: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' }, () => socket.write(query));
    socket.on('data', (answer) => {
      // The length, the header's first word: the ID is that of the query.
      if (answer.readUInt16BE(2) === query.readUInt16BE(2)) answered++;
      socket.end();
    });
    socket.setTimeout(3000, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

/** The message for a line `name TYPE`, with its length in front. */
function encodeLine(line: string, index: number): Buffer {
  const [name, type] = line.split(' ');
  const questions = [{ name, type: type as 'A' }];
  return streamEncode({ type: 'query', id: index & 0xffff, flags: 0x100, questions });
}
