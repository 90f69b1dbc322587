/**
 * What the wire layer costs per message, and the alternatives to its few clever lines.
 *
 * Run: node_modules/.bin/node bench/micro/dns.bench.ts
 *
 * CPU time in nanoseconds, best of five rounds. Compare lines of one run only. One run on a shared
 * two-core virtual machine with other work on it (Node 24.21):
 *
 *   QueryView.read 78, with OPT 98, and the key as text 219
 *   writeReply 105, setTtl 13 (2 A records)
 *   readAnswer 416; 1,320 when its octets had memory of their own (allocUnsafeSlow)
 *   readAnswer of 60 records: 1,980 compressed, 53,000 spelled out
 *   truncateReply of 60 records 400 to 760; by decoding and encoding it would take 37,000
 *   small letters: one loop with a table 59, with a comparison 103, label by label 128
 *   50 octets to text: latin1Slice 110, toString('latin1') 120
 *   64 octets copied: Buffer.copy 62, set(subarray) 53 to 69, a loop 163
 */
import packet from 'dns-packet';
import { type Answer, readAnswer } from '../../src/dns/answer.ts';
import { latin1Slice } from '../../src/dns/latin1.ts';
import { decodeMessage, encodeMessage } from '../../src/dns/message.ts';
import { LOWER } from '../../src/dns/name.ts';
import { QueryView } from '../../src/dns/query-view.ts';
import { writeReply } from '../../src/dns/reply.ts';
import { truncateReply } from '../../src/dns/truncate.ts';

const ROUNDS = 5;

/** Runs `work` `count` times per round and prints the CPU time of the best round, which holds on a busy machine. */
function measure(name: string, count: number, work: (i: number) => unknown): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < count; i++) work(i);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, ((user + system) * 1000) / count);
  }
  console.log(`${name.padEnd(56)}${best.toFixed(1).padStart(9)} ns`);
}

const NAMES = [
  'kubernetes.default.svc.cluster.local',
  'Www.Example.COM',
  'a-rather-long-service-name.some-namespace.svc.cluster.local',
  'x.io',
];
const START = 7;

/** Queries in the receive memory, with and without OPT. */
function packets(withOpt: boolean): { memory: Buffer; length: number }[] {
  return NAMES.map((name) => {
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] };
    const wire = packet.encode({
      type: 'query',
      id: 1,
      flags: 0x100,
      questions: [{ name, type: 'A' }],
      additionals: withOpt ? [opt] : [],
    } as object as packet.Packet);
    const memory = Buffer.alloc(4096);
    wire.copy(memory, START);
    return { memory, length: wire.length };
  });
}

/** An upstream's answer, uncompressed as kube-dns sends it. */
function response(name: string, count: number): Buffer {
  const answers = Array.from({ length: count }, (_, i) => ({
    name,
    type: 'A' as const,
    ttl: 30,
    data: `10.0.0.${i}`,
  }));
  return packet.encode({ type: 'response', id: 1, questions: [{ name, type: 'A' }], answers });
}

const read = (wire: Buffer) => readAnswer(wire) as Answer;
const view = new QueryView();
const plain = packets(false);
const edns = packets(true);
const answers = NAMES.map((name) => read(response(name, 2)));

console.log('the road of a hit');
measure('QueryView.read', 2e6, (i) => view.read(plain[i & 3].memory, START, plain[i & 3].length));
measure('QueryView.read, OPT', 2e6, (i) =>
  view.read(edns[i & 3].memory, START, edns[i & 3].length),
);
measure('QueryView.read, OPT, and the key as text', 2e6, (i) => {
  view.read(edns[i & 3].memory, START, edns[i & 3].length);
  return latin1Slice(view.key, 0, view.keyLength);
});
const views = edns.map(({ memory, length }) => {
  const each = new QueryView();
  each.read(memory, START, length);
  return each;
});
measure('writeReply, 2 A records, OPT', 2e6, (i) =>
  writeReply(answers[i & 3], views[i & 3], edns[i & 3].memory, START, 1232, 0, null, 0),
);
measure('setTtl, 2 A records', 2e6, (i) => answers[i & 3].setTtl(i & 63));

console.log('the road of a miss');
const small = response(NAMES[0], 2);
const big = response(NAMES[0], 60);
const bigAnswer = read(big);
const query = { ...views[0], hasOpt: false, questionEnd: bigAnswer.questionEnd };
measure('readAnswer, 2 A records', 5e5, () => readAnswer(small));
measure('readAnswer, 60 A records, compressed', 5e4, () => readAnswer(bigAnswer.wire));
measure('readAnswer, 60 A records, spelled out', 5e3, () => readAnswer(big));
measure('truncateReply, 60 A records to 512 octets', 2e5, () =>
  truncateReply(bigAnswer, query, edns[0].memory, START, 512, 0),
);
const bigMessage = decodeMessage(big);
measure('decodeMessage, 60 A records', 5e3, () => decodeMessage(big));
measure('encodeMessage, 60 A records', 5e3, () => bigMessage && encodeMessage(bigMessage));

console.log('alternatives: small letters');
const key = Buffer.alloc(300);
const { memory } = plain[2];
const nameEnd = START + 12 + NAMES[2].length + 2;
measure('one loop, table (ours)', 2e6, () => {
  for (let i = 0, at = START + 12; at < nameEnd; i++, at++) key[i] = LOWER[memory[at]];
});
measure('one loop, comparison', 2e6, () => {
  for (let i = 0, at = START + 12; at < nameEnd; i++, at++) {
    const octet = memory[at];
    key[i] = octet >= 65 && octet <= 90 ? octet | 32 : octet;
  }
});
measure('label by label, table', 2e6, () => {
  for (let out = 0, at = START + 12; ; ) {
    const length = memory[at++];
    key[out++] = length;
    if (length === 0) break;
    for (const stop = at + length; at < stop; ) key[out++] = LOWER[memory[at++]];
  }
});

console.log('alternatives: 50 octets to text');
measure('latin1Slice (ours)', 2e6, (i) => latin1Slice(key, 0, 50 + (i & 7)));
measure("toString('latin1')", 2e6, (i) => key.toString('latin1', 0, 50 + (i & 7)));

console.log('alternatives: 64 octets into the reply');
const { wire, questionEnd } = answers[0];
measure('Buffer.copy (ours)', 2e6, () => wire.copy(memory, START + questionEnd, questionEnd));
measure('set(subarray)', 2e6, () => memory.set(wire.subarray(questionEnd), START + questionEnd));
measure('loop', 2e6, () => {
  for (let i = questionEnd; i < wire.length; i++) memory[START + i] = wire[i];
});
