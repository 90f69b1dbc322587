/**
 * Questions that a directive puts to our own server: the address behind a CNAME record that
 * `template` made, the A records that `dns64` translates. They walk the road of a client's query.
 */
import { findOpt } from '../dns/edns.ts';
import { HEADER_LENGTH, RCODE_REFUSED, RCODE_SERVFAIL, writeUint16 } from '../dns/header.ts';
import { Query } from '../dns/query.ts';
import { QueryView, READ_OK } from '../dns/query-view.ts';
import type { Clock } from '../log/clock.ts';
import { type Done, failed } from '../plugins/stage.ts';
import type { ZoneTable } from '../server/zones.ts';

/** How many questions may follow from each other, as in CoreDNS. */
const MAX_DEPTH = 10;
/**
 * How long an answer may take. Two queries that wait for each other's answer, as aliases that lead
 * in a circle make them, would wait for ever.
 */
const TIMEOUT_MS = 5000;

export class OwnLookup {
  readonly #clock: Clock;
  readonly #view = new QueryView();
  /** By the metric label of the listener. BOUNDED by the listeners of the Corefile. */
  readonly #zones = new Map<string, ZoneTable>();

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  /** Says what is served at a listener. */
  serve(server: string, zones: ZoneTable): void {
    this.#zones.set(server, zones);
  }

  /** What BlockContext.lookUp promises. */
  ask(parent: Query, name: Buffer, type: number, done: Done): void {
    const message = followUp(parent, name, type);
    const isReadable = this.#view.read(message, 0, message.length) === READ_OK;
    const route = isReadable ? this.#zones.get(parent.server)?.find(this.#view) : null;
    if (!route) {
      done(failed(RCODE_REFUSED, 'no zone of this server holds the name'));
      return;
    }
    const query = new Query(this.#view, message, 0, {
      client: parent.client,
      zone: route.zone,
      server: parent.server,
      nowMs: this.#clock.nowMs(),
      parent,
    });
    if (isCircular(query)) done(failed(RCODE_SERVFAIL, 'the answer depends on itself'));
    else route.pipeline.chain.resolve(query, withinTime(done));
  }
}

/** The message of `parent` with another question and no records but its OPT record. */
function followUp({ wire, flags, id, qclass }: Query, name: Buffer, type: number): Buffer {
  const opt = findOpt(wire);
  const head = Buffer.alloc(HEADER_LENGTH);
  writeUint16(head, 0, id);
  writeUint16(head, 2, flags);
  writeUint16(head, 4, 1);
  writeUint16(head, 10, opt === null ? 0 : 1);
  const tail = Buffer.alloc(4);
  writeUint16(tail, 0, type);
  writeUint16(tail, 2, qclass);
  const records = opt === null ? [] : [wire.subarray(opt.start, opt.end)];
  return Buffer.concat([head, name, tail, ...records]);
}

/** Whether the same was asked on the way here, or too much. */
function isCircular(query: Query): boolean {
  let depth = 0;
  for (let parent = query.parent; parent !== null; parent = parent.parent) {
    if (parent.key === query.key || ++depth > MAX_DEPTH) return true;
  }
  return false;
}

/** Hands on one outcome: the one that comes, or a failure when none comes in time. */
function withinTime(done: Done): Done {
  let isOpen = true;
  const end: Done = (outcome) => {
    if (!isOpen) return;
    isOpen = false;
    clearTimeout(timer);
    done(outcome);
  };
  const timer = setTimeout(() => {
    end(failed(RCODE_SERVFAIL, 'no answer from our own server in time'));
  }, TIMEOUT_MS).unref();
  return end;
}
