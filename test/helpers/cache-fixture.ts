/** Queries, answers, a clock and an upstream for the tests of the cache. */
import packet from 'dns-packet';
import { type Answer, readAnswer } from '../../src/dns/answer.ts';
import { type Client, Query } from '../../src/dns/query.ts';
import { QueryView, READ_OK } from '../../src/dns/query-view.ts';
import type { Clock } from '../../src/log/clock.ts';
import { cache } from '../../src/plugins/cache.ts';
import type { BlockFacts } from '../../src/plugins/directive.ts';
import {
  answered,
  type Done,
  type HitPath,
  type Outcome,
  type Stage,
} from '../../src/plugins/stage.ts';
import { FACTS, makeContext, usesIn } from './directive.ts';

export const SERVER = 'dns://169.254.20.10:53';

/** A question, and how it is asked. */
export interface Asking {
  readonly name: string;
  readonly type?: packet.RecordType;
  readonly rd?: boolean;
  readonly ad?: boolean;
  readonly cd?: boolean;
  readonly do?: boolean;
  readonly edns?: number;
  readonly options?: packet.PacketOpt[];
  readonly transport?: 'udp' | 'tcp';
  /** The address it comes from. */
  readonly client?: string;
}

/** The query as it comes in. */
export function encodeQuery({ name, type = 'A', options = [], ...asking }: Asking): Buffer {
  const hasOpt = asking.do || asking.edns !== undefined || options.length > 0;
  const opt: packet.Answer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: asking.edns ?? 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: asking.do ? packet.DNSSEC_OK : 0,
    flag_do: asking.do ?? false,
    options,
  };
  return packet.encode({
    type: 'query',
    id: 1,
    flags:
      (asking.rd === false ? 0 : packet.RECURSION_DESIRED) |
      (asking.ad ? packet.AUTHENTIC_DATA : 0) |
      (asking.cd ? packet.CHECKING_DISABLED : 0),
    questions: [{ name, type }],
    additionals: hasOpt ? [opt] : [],
  });
}

/** A view that has read the query. */
export function viewOf(asking: Asking): QueryView {
  const wire = encodeQuery(asking);
  const view = new QueryView();
  if (view.read(wire, 0, wire.length) !== READ_OK) throw new Error('the query is malformed');
  return view;
}

/** Each query comes in a batch of its own. */
let lastReceivedMs = 0;

export function makeQuery(asking: Asking): Query {
  const wire = encodeQuery(asking);
  const client: Client = {
    transport: asking.transport ?? 'udp',
    family: 4,
    address: asking.client ?? '10.0.0.9',
    port: 40_000,
    localAddress: '169.254.20.10',
    localPort: 53,
    send: () => {},
  };
  const nowMs = ++lastReceivedMs;
  return new Query(viewOf(asking), wire, 0, { client, zone: '.', server: SERVER, nowMs });
}

/** An upstream's message. Records without name have the question's, without TTL 300. */
export interface Reply {
  readonly rcode?: keyof typeof RCODES;
  readonly question?: { name: string; type: packet.RecordType };
  readonly answers?: readonly Partial<packet.Answer>[];
  readonly authorities?: readonly packet.Answer[];
  readonly additionals?: readonly packet.Answer[];
  readonly flags?: number;
  readonly dnssecOk?: boolean;
}

const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };

export function makeAnswer(
  { name, type = 'A' }: Pick<Asking, 'name' | 'type'>,
  reply: Reply,
): Answer {
  const { rcode = 'NOERROR', answers = [], authorities = [], additionals = [] } = reply;
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    flags: packet.DNSSEC_OK,
    options: [],
  } as unknown as packet.Answer;
  const answer = readAnswer(
    packet.encode({
      type: 'response',
      id: 1,
      flags: RCODES[rcode] | (reply.flags ?? packet.RECURSION_AVAILABLE),
      questions: [reply.question ?? { name, type }],
      answers: answers.map((record) => ({ name, ttl: 300, ...record }) as packet.Answer),
      authorities: [...authorities],
      additionals: reply.dnssecOk ? [...additionals, opt] : [...additionals],
    }),
  );
  if (answer === null) throw new Error('the answer is malformed');
  return answer;
}

/** An A record with this TTL and last octet. */
export function a(ttl: number, octet = 1): Partial<packet.Answer> {
  return { type: 'A', ttl, data: `192.0.2.${octet}` };
}

export function soa(ttl: number, minimum = 60): packet.Answer {
  const data = { mname: 'ns.test', rname: 'host.test', serial: 1, minimum };
  return { type: 'SOA', name: 'test', ttl, data };
}

export function ns(ttl: number): packet.Answer {
  return { type: 'NS', name: 'test', ttl, data: 'ns.test' };
}

export class FakeClock implements Clock {
  #nowMs = 1_000_000;

  nowMs(): number {
    return this.#nowMs;
  }

  advance(seconds: number): void {
    this.#nowMs += seconds * 1000;
  }
}

/** An upstream that answers what `reply` says, at once or when `release` is called. */
export class FakeUpstream implements Stage {
  readonly seen: Query[] = [];
  reply: (asking: Asking) => Reply | Outcome = () => ({ answers: [a(300)] });
  holding = false;
  readonly #held: (() => void)[] = [];

  resolve(query: Query, done: Done): void {
    this.seen.push(query);
    const finish = () => {
      const { name, type } = packet.decode(query.wire).questions?.[0] ?? { name: '', type: 'A' };
      const reply = this.reply({ name, type });
      if ('plugin' in reply) done(reply);
      else done(answered(makeAnswer({ name, type }, reply), 'forward'));
    };
    if (this.holding) this.#held.push(finish);
    else finish();
  }

  release(): void {
    for (const finish of this.#held.splice(0)) finish();
  }
}

/** What came back, in a form to compare. */
export interface Got {
  readonly rcode: number;
  readonly ttl: number | null;
  readonly data: readonly unknown[];
  readonly aa: boolean;
  readonly plugin: string;
  readonly error: string;
}

export function show({ answer, rcode, aaFlag, plugin, error }: Outcome): Got {
  const message = answer === null ? null : packet.decode(answer.wire);
  const records = [...(message?.answers ?? []), ...(message?.authorities ?? [])];
  const ttls = new Set(records.map((record) => ('ttl' in record ? record.ttl : undefined)));
  if (ttls.size > 1) throw new Error(`TTLs differ: ${[...ttls].join()}`);
  return {
    rcode,
    ttl: [...ttls][0] ?? null,
    data: (message?.answers ?? []).map((record) => ('data' in record ? record.data : null)),
    aa: aaFlag !== 0,
    plugin,
    error,
  };
}

/** A started cache in front of an upstream. `corefile` is what stands in its block. */
export async function startCache(corefile: string, facts: Partial<BlockFacts> = {}) {
  const clock = new FakeClock();
  const upstream = new FakeUpstream();
  let hitPath: HitPath | null = null;
  const { context, generation, lines } = makeContext({
    ...facts,
    clock,
    offerHitPath: (path) => {
      hitPath = path;
    },
  });
  const options = cache.parse(usesIn(corefile), { ...FACTS, ...facts });
  const stage = cache.stage?.(options, context, upstream);
  await generation.start();
  const path = hitPath as HitPath | null;
  if (stage === undefined || path === null) throw new Error('cache offers no stage or hit path');
  const counters = path.countersFor(SERVER);
  /** All that came back so far for one query; empty while it waits. */
  const send = (asking: Asking): Got[] => {
    const got: Got[] = [];
    stage.resolve(makeQuery(asking), (outcome) => got.push(show(outcome)));
    return got;
  };
  /** As the server does: the hit path first, the chain for the rest. */
  const ask = (asking: Asking | string): Got => {
    const question = typeof asking === 'string' ? { name: asking } : asking;
    const hit = path.hit(viewOf(question), { nowMs: clock.nowMs() }, counters);
    const answer = hit === null ? null : hit.toAnswer(path.hitTtlSeconds);
    if (answer !== null) return show(answered(answer, 'cache', 1));
    const got = send(question);
    if (got.length !== 1) throw new Error(`${got.length} outcomes`);
    return got[0];
  };
  return { ask, send, clock, upstream, counters, context, generation, lines, stage, path, options };
}
