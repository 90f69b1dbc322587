import packet from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { readAnswer } from '../../../src/dns/answer.ts';
import { FLAG_AA } from '../../../src/dns/header.ts';
import type { Query, UpstreamStep } from '../../../src/dns/query.ts';
import { log } from '../../../src/plugins/log.ts';
import { answered, failed, type Outcome, type Stage } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { makeQuery, type QueryParts } from '../../helpers/queries.ts';

const SOA = {
  type: 'SOA',
  name: 'org',
  ttl: 5,
  data: { mname: 'ns.org', rname: 'x.org', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 },
} as const;

/** An outcome with a message for example.org. */
function outcomeWith(parts: { rcode?: number; answers?: string[]; denial?: boolean }): Outcome {
  const wire = packet.encode({
    type: 'response',
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (parts.rcode ?? 0),
    questions: [{ name: 'example.org', type: 'A' }],
    answers: (parts.answers ?? []).map((data) => ({
      name: 'example.org',
      type: 'A',
      ttl: 5,
      data,
    })),
    authorities: parts.denial === true ? [SOA] : [],
  });
  const answer = readAnswer(wire);
  if (answer === null) throw new Error('not an answer');
  return answered(answer, 'forward', FLAG_AA);
}

const SUCCESS = outcomeWith({ answers: ['192.0.2.1'] });
const NO_DATA = outcomeWith({ denial: true });
const NX_DOMAIN = outcomeWith({ denial: true, rcode: 3 });
const BARE_NX_DOMAIN = outcomeWith({ rcode: 3 });
const REFUSED = outcomeWith({ rcode: 5 });
const SERVER_FAILURE = outcomeWith({ rcode: 2 });
const TIMEOUT = failed(2, 'timeout');
const ALL = [SUCCESS, NO_DATA, NX_DOMAIN, BARE_NX_DOMAIN, REFUSED, SERVER_FAILURE, TIMEOUT];

/** The lines logged for one query. */
function logged(text: string, outcome: Outcome, name = 'Example.org', parts: QueryParts = {}) {
  let declined = false;
  const { context, lines } = makeContext({
    clock: { nowMs: () => 1250 },
    declineHitPath: () => {
      declined = true;
    },
  });
  const next: Stage = { resolve: (_query, done) => done(outcome) };
  const stage = log.stage?.(parseWith(log, text), context, next);
  let given: Outcome | undefined;
  stage?.resolve(makeQuery(name, { receivedAtMs: 1000, ...parts }), (result) => {
    given = result;
  });
  expect(given).toBe(outcome);
  expect(declined).toBe(true);
  return lines;
}

describe('formats', () => {
  test('the common one is the default', () => {
    expect(logged('log', SUCCESS)).toEqual([
      '[INFO] 192.0.2.7:40000 - 4660 "A IN example.org. udp 29 false 512" NOERROR qr,aa,rd,ra 56 0.25s',
    ]);
  });

  test('a query without a reply of its own has dashes', () => {
    expect(logged('log', TIMEOUT)).toEqual([
      '[INFO] 192.0.2.7:40000 - 4660 "A IN example.org. udp 29 false 512" - - 0 0.25s',
    ]);
  });

  test.each([
    [
      '{combined}',
      '192.0.2.7:40000 - 4660 "A IN example.org. tcp 29 false 65535" NOERROR qr,aa,rd,ra 56 0.25s "0"',
    ],
    ['{local} {proto} {type} {class}', '169.254.20.10 tcp A IN'],
    ['{>ID} {>Do}', '4660 false'],
    ['{/forward/upstream} {nonsense} {', '- {nonsense} {'],
    ['{name} {name}', 'example.org. example.org.'],
  ])('%s', (format, line) => {
    expect(logged(`log . "${format}"`, SUCCESS, 'Example.org', { transport: 'tcp' })).toEqual([
      `[INFO] ${line}`,
    ]);
  });
});

describe('{/forward/upstream}', () => {
  const step = (query: Query, to: string): UpstreamStep => ({
    ...{ query, to, protocol: 'udp', tookMs: 1, rcode: 0, error: '' },
  });
  /** What is logged of a query that was sent to these one after the other. */
  function loggedVia(format: string, upstreams: readonly string[], query = makeQuery('a.test')) {
    const { context, lines } = makeContext();
    const next: Stage = {
      resolve: (asked, done) => {
        // As `rewrite` does, another query goes upstream.
        const other = asked.rewritten(asked.wire) ?? asked;
        for (const to of upstreams) other.trace?.upstream(step(other, to));
        done(SUCCESS);
      },
    };
    log.stage?.(parseWith(log, `log . "${format}"`), context, next)?.resolve(query, () => {});
    return lines;
  }

  test('is the upstream that answered, after others that did not', () => {
    expect(loggedVia('{name} {/forward/upstream}', ['10.0.0.1:53', '[fd00::1]:53'])).toEqual([
      '[INFO] a.test. [fd00::1]:53',
    ]);
  });

  test('is a dash for what no upstream was asked, and for other labels', () => {
    expect(loggedVia('{/forward/upstream} {/trace/traceid}', [])).toEqual(['[INFO] - -']);
  });

  test('costs nothing where the format does not say it', () => {
    const query = makeQuery('a.test');
    loggedVia('{name}', ['10.0.0.1:53'], query);
    expect(query.trace).toBeNull();
  });

  test('keeps nobody from following the query', () => {
    const seen: string[] = [];
    const query = makeQuery('a.test');
    query.trace = { skipsCache: false, upstream: ({ to }) => seen.push(to) };
    loggedVia('{/forward/upstream}', ['10.0.0.1:53'], query);
    expect(seen).toEqual(['10.0.0.1:53']);
  });
});

describe('names', () => {
  test.each([
    ['log example.org', 'example.org', 1],
    ['log Example.ORG.', 'www.example.org', 1],
    ['log example.org', 'notexample.org', 0],
    ['log example.org', 'org', 0],
    ['log a b', 'x.b', 1],
    ['log a\nlog b', 'x.b', 1],
  ])('%s and %s: %s line', (text, name, count) => {
    expect(logged(text, SUCCESS, name)).toHaveLength(count);
  });

  test('the first line that fits decides', () => {
    const text = 'log example.org "first {name}"\nlog . "second {name}"';
    expect(logged(text, SUCCESS)).toEqual(['[INFO] first example.org.']);
    expect(logged(text, SUCCESS, 'other')).toEqual(['[INFO] second other.']);
  });
});

describe('classes', () => {
  test.each([
    ['success', [SUCCESS]],
    ['denial', [NO_DATA, NX_DOMAIN, BARE_NX_DOMAIN]],
    ['error', [REFUSED, SERVER_FAILURE, TIMEOUT]],
    ['all', ALL],
    ['denial error', ALL.filter((outcome) => outcome !== SUCCESS)],
  ])('%s', (classes, outcomes) => {
    for (const outcome of ALL) {
      const lines = logged(`log {\n class ${classes}\n}`, outcome);
      expect(lines).toHaveLength(outcomes.includes(outcome) ? 1 : 0);
    }
  });

  test('several lines add up', () => {
    expect(logged('log {\n class error\n class denial\n}', NX_DOMAIN)).toHaveLength(1);
  });
});

test.each([
  ['log {\n class\n}', 'argument-count'],
  ['log {\n class abracadabra\n}', 'argument-value'],
  ['log {\n unknown\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(log, text)).toBe(code);
});
