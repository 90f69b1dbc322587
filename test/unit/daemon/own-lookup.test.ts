import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OwnLookup } from '../../../src/daemon/own-lookup.ts';
import { nameFromText } from '../../../src/dns/name.ts';
import type { Query } from '../../../src/dns/query.ts';
import { TYPE_A, TYPE_AAAA } from '../../../src/dns/type.ts';
import { ZoneCounters } from '../../../src/metrics/zone-counters.ts';
import { failed, type Outcome, type Stage } from '../../../src/plugins/stage.ts';
import { Route } from '../../../src/server/pipeline.ts';
import { ZoneTable } from '../../../src/server/zones.ts';
import { makeQuery } from '../../helpers/queries.ts';

const SERVER = 'dns://169.254.20.10:53';
const REFUSED_CODE = 5;
const SERVFAIL_CODE = 2;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A server whose zone `test.` is answered by `chain`. */
function lookupInto(chain: (lookup: OwnLookup) => Stage): OwnLookup {
  const lookup = new OwnLookup({ clock: { nowMs: () => 7 } });
  const pipeline = { chain: chain(lookup), hitPath: null, maxEdnsSize: 4096, debug: false };
  const counters = new ZoneCounters({ server: SERVER, zone: 'test.' });
  lookup.serve(SERVER, new ZoneTable([new Route('test.', pipeline, counters, SERVER)], true));
  return lookup;
}

function nameOf(text: string): Buffer {
  return nameFromText(text) as Buffer;
}

test('the block that serves the name is asked, for the same client', () => {
  let seen: Query | undefined;
  const lookup = lookupInto(() => ({
    resolve: (query, done) => {
      seen = query;
      done(failed(3, ''));
    },
  }));
  const parent = makeQuery('www.example.org');
  let outcome: Outcome | undefined;
  lookup.ask(parent, nameOf('b.TEST'), TYPE_AAAA, (given) => {
    outcome = given;
  });
  expect(outcome?.rcode).toBe(3);
  expect(seen).toMatchObject({ name: 'b.test.', qtype: TYPE_AAAA, qclass: 1, zone: 'test.' });
  expect(seen).toMatchObject({ client: parent.client, parent, recursionDesired: true });
});

test('a name that nobody serves is refused', () => {
  const lookup = lookupInto(() => ({ resolve: () => expect.unreachable() }));
  let rcode = 0;
  lookup.ask(makeQuery('a.test'), nameOf('b.example'), TYPE_A, (outcome) => {
    rcode = outcome.rcode;
  });
  expect(rcode).toBe(REFUSED_CODE);
});

test('an answer that depends on itself ends', () => {
  const targets: Readonly<Record<string, string>> = { 'a.test.': 'b.test', 'b.test.': 'a.test' };
  const lookup = lookupInto((own) => ({
    resolve: (query, done) => own.ask(query, nameOf(targets[query.name]), TYPE_A, done),
  }));
  let outcome: Outcome | undefined;
  lookup.ask(makeQuery('a.test'), nameOf('b.test'), TYPE_A, (given) => {
    outcome = given;
  });
  expect(outcome).toMatchObject({ rcode: SERVFAIL_CODE, error: 'the answer depends on itself' });
});

test('a chain of ever new names ends', () => {
  let asked = 0;
  const lookup = lookupInto((own) => ({
    resolve: (query, done) => own.ask(query, nameOf(`n${asked++}.test`), TYPE_A, done),
  }));
  let rcode = 0;
  lookup.ask(makeQuery('a.test'), nameOf('b.test'), TYPE_A, (outcome) => {
    rcode = outcome.rcode;
  });
  expect(rcode).toBe(SERVFAIL_CODE);
  expect(asked).toBe(10);
});

test('what does not answer in time has failed, and is not heard later', () => {
  let late: ((outcome: Outcome) => void) | undefined;
  const lookup = lookupInto(() => ({
    resolve: (_query, done) => {
      late = done;
    },
  }));
  const outcomes: Outcome[] = [];
  lookup.ask(makeQuery('a.test'), nameOf('b.test'), TYPE_A, (outcome) => outcomes.push(outcome));
  vi.advanceTimersByTime(4999);
  expect(outcomes).toEqual([]);
  vi.advanceTimersByTime(1);
  late?.(failed(0, ''));
  expect(outcomes).toMatchObject([{ rcode: SERVFAIL_CODE }]);
});
