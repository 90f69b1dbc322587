/**
 * What a hit and a miss cost in the cache, and what an entry costs in memory; beside each, the same
 * with entries that hold an Answer and its Buffers (docs/decisions/0002-cache-store.md).
 *
 * Run: node_modules/.bin/node --expose-gc bench/micro/cache.bench.ts [NAMES]
 */
import { readFileSync } from 'node:fs';
import packet from 'dns-packet';
import { LRUCache } from 'lru-cache';
import { AnswerCache } from '../../src/cache/answer-cache.ts';
import { CacheBudget } from '../../src/cache/budget.ts';
import { CacheCounters } from '../../src/cache/counters.ts';
import { FlightTable } from '../../src/cache/flight.ts';
import { type Answer, readAnswer } from '../../src/dns/answer.ts';
import { FLAG_AA } from '../../src/dns/header.ts';
import { latin1Slice } from '../../src/dns/latin1.ts';
import { type Client, Query } from '../../src/dns/query.ts';
import { QueryView } from '../../src/dns/query-view.ts';
import { writeReply, writeStored } from '../../src/dns/reply.ts';
import { Log } from '../../src/log/log.ts';
import { readCacheOptions } from '../../src/plugins/cache-options.ts';
import { CacheStage } from '../../src/plugins/cache-stage.ts';
import { MissQueue } from '../../src/plugins/miss-queue.ts';
import { Throttle } from '../../src/plugins/throttle.ts';

const NAMES = Number(process.argv[2] ?? 9984);
const HITS = 1_000_000;

const word = { text: 'cache', file: '', line: 1, column: 1 };
const options = readCacheOptions(
  { name: word, args: [], lines: [], hasBraces: false },
  { zones: ['.'], index: 0, port: 53 },
);
const sized = { ...options, success: { ...options.success, capacity: NAMES + 256 } };
const client: Client = {
  transport: 'udp',
  family: 4,
  address: '10.0.0.9',
  port: 40_000,
  localAddress: '169.254.20.10',
  localPort: 53,
  send: () => {},
};

const questions = Array.from({ length: NAMES }, (_, i) => ({
  name: `service-${i}.namespace-${i % 50}.svc.cluster.local`,
  type: 'A' as const,
}));
const queries = questions.map((question) =>
  packet.encode({ type: 'query', id: 1, flags: packet.RECURSION_DESIRED, questions: [question] }),
);
const replies = questions.map(({ name }, i) =>
  packet.encode({
    type: 'response',
    id: 1,
    flags: packet.AUTHORITATIVE_ANSWER,
    questions: [{ name, type: 'A' }],
    answers: [
      { name, type: 'A', ttl: 30, data: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}` },
    ],
  }),
);

const view = new QueryView();
const slot = Buffer.allocUnsafeSlow(4096);

/** Reads query `i` into the view, as the server does. */
function receive(i: number): void {
  const query = queries[i];
  slot.set(query);
  view.read(slot, 0, query.length);
}

function makeQuery(i: number): Query {
  receive(i);
  return new Query(view, slot, 0, { client, zone: '.', server: '', nowMs: 0 });
}

function nsPerCall(calls: number, call: (i: number) => void): number {
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i++) call(i);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / calls;
}

function residentOctets(): number {
  for (let i = 0; i < 5; i++) globalThis.gc?.();
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

/** Fills a store, then asks it for names in random order. */
function measure(label: string, store: (i: number) => void, hit: (nowMs: number) => number) {
  for (let i = 0; i < 2000; i++) makeQuery(i % NAMES);
  const before = residentOctets();
  const miss = nsPerCall(NAMES, store);
  const each = (residentOctets() - before) / NAMES;
  let random = 12_345;
  const ask = (i: number) => {
    random = (random * 1_103_515_245 + 12_345) & 0x7fffffff;
    receive(random % NAMES);
    if (hit(i / 1e6) <= 0) throw new Error('no hit');
  };
  nsPerCall(HITS / 4, ask);
  // The best of several runs: whatever else the machine does only adds.
  const hits = Math.min(...Array.from({ length: 8 }, () => nsPerCall(HITS, ask)));
  console.log(
    `${label}  store ${miss.toFixed(0)} ns  memory ${each.toFixed(0)} octets  hit ${hits.toFixed(0)} ns`,
  );
}

const baseline = nsPerCall(HITS, (i) => receive(i % NAMES));
console.log(
  `${NAMES} names, answers of ${replies[0].length} octets; reading a query: ${baseline.toFixed(0)} ns`,
);

const counters = new CacheCounters();
const cache = new AnswerCache(sized, { budget: new CacheBudget(1e9), unixSeconds: () => 0 });
cache.open();
const stage = new CacheStage(sized, {
  cache,
  flights: new FlightTable({ maxWaiting: 1, maxPerFlight: 1 }),
  queue: new MissQueue(),
  throttle: new Throttle({ log: new Log(() => {}), clock: { nowMs: () => 0 } }),
  countersFor: () => counters,
  clock: { nowMs: () => 0 },
  next: { resolve: () => {} },
  uncached: { resolve: () => {} },
});
const asStrings = () =>
  measure(
    'strings',
    (i) => {
      const answer = readAnswer(replies[i]);
      if (answer !== null) cache.offer(makeQuery(i), answer, 0, counters);
    },
    (nowMs) => {
      const hit = stage.hit(view, { nowMs }, counters);
      return hit === null
        ? 0
        : writeStored(hit, stage.hitTtlSeconds, view, slot, 0, 4096, view.echo, 0);
    },
  );

const answers = new LRUCache<string, { answer: Answer; expiresAtMs: number }>({ max: NAMES });
const asBuffers = () =>
  measure(
    'buffers',
    (i) => {
      const answer = readAnswer(replies[i]);
      if (answer !== null) answers.set(makeQuery(i).key, { answer, expiresAtMs: 30_000 });
    },
    (nowMs) => {
      const entry = answers.get(latin1Slice(view.key, 0, view.keyLength));
      if (entry === undefined || nowMs >= entry.expiresAtMs) return 0;
      counters.requests++;
      entry.answer.setTtl(Math.ceil((entry.expiresAtMs - nowMs) / 1000));
      return writeReply(entry.answer, view, slot, 0, 4096, FLAG_AA, null, 0);
    },
  );

if (process.argv[3] !== 'buffers') asStrings();
if (process.argv[3] !== 'strings') asBuffers();
