/**
 * A steady load from one process: one query at each tick, each with an ID of its own, and a record
 * of when it was sent and who answered it. `load.ts SERVER RATE SECONDS NAME` says that it has begun, and prints the records.
 */
import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import { NODE, until } from './command.ts';
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
/** What it prints with its first query. */
const BEGUN = 'begun\n';
/** IDs that a message can have. */
const IDS = 0x10000;
/** How long the last answers are waited for. */
const LINGER_MS = 1000;

/** A load that runs. */
export interface Load {
  /** Resolves with its first query. */
  readonly begun: Promise<void>;
  /** All of them, when it is over. */
  readonly records: Promise<LoadRecord[]>;
  /** Ends it sooner. Only for one that has begun. */
  stop(): void;
}

/** Starts a load in a namespace. */
export function startLoad(
  from: Namespace,
  options: { server: string; perSecond: number; seconds: number; name: string },
): Load {
  const { server, perSecond, seconds, name } = options;
  const args = [server, String(perSecond), String(seconds), name];
  const running: Running = from.start([NODE, PROGRAM, ...args]);
  const records = running.ended.then((status) => {
    if (status !== 0) throw new Error(`load ended with ${status}: ${running.output()}`);
    return JSON.parse(running.output().slice(BEGUN.length)) as LoadRecord[];
  });
  const begun = until('the load', () => running.output().startsWith(BEGUN)).then(() => {});
  // Not everyone waits for it.
  begun.catch(() => {});
  return { begun, records, stop: () => void running.child.kill('SIGINT') };
}

if (process.argv[1] === PROGRAM) await generate(process.argv.slice(2));

async function generate([server, perSecond, seconds, name]: string[]): Promise<void> {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  const records: { sentMs: number; tookMs: number | null; answer: string }[] = [];
  /** The youngest query with an ID: there are fewer of these than queries in a long load. */
  const byId: typeof records = [];
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
    const record = byId[id];
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
  process.stdout.write(BEGUN);
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

  function send(index: number): void {
    const id = index % IDS;
    byId[id] = { sentMs: nowMs(), tookMs: null, answer: '' };
    records.push(byId[id]);
    const questions = [{ type: 'A' as const, name }];
    socket.send(encode({ type: 'query', id, flags: 0x100, questions }), 53, server, () => {});
  }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
