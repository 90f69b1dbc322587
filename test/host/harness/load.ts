/**
 * A steady load from one process: one query at each tick, each with an ID of its own, and a record
 * of when it was sent and who answered it. `load.ts SERVER RATE SECONDS NAME` prints the records.
 */
import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import { NODE } from './command.ts';
import type { Namespace, Running } from './namespace.ts';

/** One query. */
export interface LoadRecord {
  /** Unix time. */
  readonly sentMs: number;
  /** Until the answer; null when there was none. */
  readonly tookMs: number | null;
  /** The address in the answer, or the response code's name. */
  readonly answer: string;
}

const PROGRAM = new URL(import.meta.url).pathname;
/**
 * Queries per tick at most. A client that had to wait for its processor would else send hundreds at
 * once, more than the socket of a DNS server holds.
 */
const MAX_BURST = 3;
/** How long the last answers are waited for. */
const LINGER_MS = 1000;

/** Starts a load in a namespace; `records` has them all when it is over, which `stop` makes soon. */
export function startLoad(
  from: Namespace,
  options: { server: string; perSecond: number; seconds: number; name: string },
): { records: Promise<LoadRecord[]>; stop(): void } {
  const { server, perSecond, seconds, name } = options;
  const args = [server, String(perSecond), String(seconds), name];
  const running: Running = from.start([NODE, PROGRAM, ...args]);
  const records = running.ended.then((status) => {
    if (status !== 0) throw new Error(`load ended with ${status}: ${running.output()}`);
    return JSON.parse(running.output()) as LoadRecord[];
  });
  return { records, stop: () => void running.child.kill('SIGINT') };
}

if (process.argv[1] === PROGRAM) await generate(process.argv.slice(2));

async function generate([server, perSecond, seconds, name]: string[]): Promise<void> {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  const records: { sentMs: number; tookMs: number | null; answer: string }[] = [];
  socket.on('message', (message) => {
    const {
      id = 0,
      answers = [],
      rcode,
    } = decode(message) as never as {
      id: number;
      answers: { data: string }[];
      rcode: string;
    };
    const record = records[id];
    if (record === undefined || record.tookMs !== null) return;
    record.tookMs = nowMs() - record.sentMs;
    record.answer = answers[0]?.data ?? rcode;
  });
  // While nobody has the address, a query may come back as "unreachable": unanswered, no more.
  socket.on('error', () => {});
  let isOver = false;
  process.on('SIGINT', () => {
    isOver = true;
  });
  const total = Number(perSecond) * Number(seconds);
  const startMs = nowMs();
  while (records.length < total && !isOver) {
    const dueByNow = Math.floor(((nowMs() - startMs) * Number(perSecond)) / 1000);
    const due = Math.min(total, dueByNow, records.length + MAX_BURST);
    while (records.length < due) send(records.length);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  setTimeout(() => {
    process.stdout.write(JSON.stringify(records), () => process.exit(0));
  }, LINGER_MS);

  function send(id: number): void {
    records.push({ sentMs: nowMs(), tookMs: null, answer: '' });
    const questions = [{ type: 'A' as const, name }];
    socket.send(encode({ type: 'query', id, flags: 0x100, questions }), 53, server, () => {});
  }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
