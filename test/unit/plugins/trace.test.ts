import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { Query } from '../../../src/dns/query.ts';
import { QueryView } from '../../../src/dns/query-view.ts';
import { failed, type Outcome, type Stage } from '../../../src/plugins/stage.ts';
import { trace } from '../../../src/plugins/trace.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';

test.each([
  ['trace', 'zipkin', 'http://localhost:9411/api/v2/spans'],
  ['trace zipkin', 'zipkin', 'http://localhost:9411/api/v2/spans'],
  ['trace collector:9411', 'zipkin', 'http://collector:9411/api/v2/spans'],
  ['trace http://collector/spans', 'zipkin', 'http://collector/spans'],
  ['trace Zipkin https://collector/spans', 'zipkin', 'https://collector/spans'],
  ['trace datadog', 'datadog', 'http://localhost:8126/v0.4/traces'],
  ['trace datadog agent:8126', 'datadog', 'http://agent:8126/v0.4/traces'],
])('%s sends to %s at %s', (text, collector, url) => {
  expect(parseWith(trace, text)).toMatchObject({ collector, url, every: 1, service: 'coredns' });
});

test('options are read', () => {
  const text = `trace {
    every 100
    service dns
    client_server
    datadog_analytics_rate 0.5
    zipkin_max_backlog_size 7
    zipkin_max_batch_size 3
    zipkin_max_batch_interval 2s
  }`;
  expect(parseWith(trace, text)).toMatchObject({
    every: 100,
    service: 'dns',
    analyticsRate: 0.5,
    maxBacklog: 7,
    maxBatch: 3,
    batchIntervalMs: 2000,
  });
});

test.each([
  ['trace jaeger agent:1', 'argument-value'],
  ['trace "not a host:1:2"', 'argument-value'],
  ['trace zipkin a:1 b:2', 'argument-count'],
  ['trace {\n every\n}', 'argument-count'],
  ['trace {\n every -1\n}', 'argument-value'],
  ['trace {\n every 1 2\n}', 'argument-count'],
  ['trace {\n client_server maybe\n}', 'argument-value'],
  ['trace {\n client_server true false\n}', 'argument-count'],
  ['trace {\n datadog_analytics_rate 1.1\n}', 'argument-value'],
  ['trace {\n datadog_analytics_rate half\n}', 'argument-value'],
  ['trace {\n zipkin_max_batch_size 0\n}', 'argument-value'],
  ['trace {\n zipkin_max_batch_interval 1\n}', 'argument-value'],
  ['trace {\n colour red\n}', 'unknown-option'],
])('%j is refused: %s', (text, code) => {
  expect(codeOf(trace, text)).toBe(code);
});

/** `example.org. A`, as 10.0.0.7 asks it. */
function makeQuery(): Query {
  const wire = Buffer.from('000101000001000000000000076578616d706c65036f72670000010001', 'hex');
  const view = new QueryView();
  view.read(wire, 0, wire.length);
  const client = {
    transport: 'udp',
    family: 4,
    address: '10.0.0.7',
    port: 4321,
    localAddress: '169.254.20.10',
    localPort: 53,
    send: () => {},
  } as const;
  return new Query(view, wire, 0, { client, zone: '.', server: 'dns://x', nowMs: 0 });
}

/** Collects the bodies of what is posted. */
async function startCollector() {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(body);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { bodies, port, close: () => server.close() };
}

const next: Stage = { resolve: (_, done) => done(failed(2, 'no upstream')) };

test('every second query is traced, and all are answered', async () => {
  const collector = await startCollector();
  const { context, generation } = makeContext();
  const options = parseWith(trace, `trace 127.0.0.1:${collector.port} {\n every 2\n}`);
  const stage = trace.stage?.(options, context, next);
  await generation.start();
  const outcomes: Outcome[] = [];
  for (let i = 0; i < 5; i++) stage?.resolve(makeQuery(), (outcome) => outcomes.push(outcome));
  expect(outcomes).toHaveLength(5);
  await generation.stop();
  collector.close();
  const spans = JSON.parse(collector.bodies.join()) as object[];
  expect(spans).toHaveLength(2);
  expect(spans[0]).toMatchObject({
    name: 'servedns',
    kind: 'SERVER',
    localEndpoint: { serviceName: 'coredns', ipv4: '169.254.20.10', port: 53 },
    remoteEndpoint: { ipv4: '10.0.0.7', port: 4321 },
    tags: {
      'coredns.io/name': 'example.org.',
      'coredns.io/type': 'A',
      'coredns.io/rcode': 'SERVFAIL',
      'coredns.io/proto': 'udp',
      'coredns.io/remote': '10.0.0.7',
    },
  });
});

test('a traced block gives up the short cut for hits', () => {
  let declined = false;
  const { context } = makeContext({
    declineHitPath: () => {
      declined = true;
    },
  });
  trace.stage?.(parseWith(trace, 'trace'), context, next);
  expect(declined).toBe(true);
});

test('every 0 traces nothing and costs nothing', () => {
  const { context } = makeContext({
    declineHitPath: () => {
      throw new Error('declined');
    },
  });
  expect(trace.stage?.(parseWith(trace, 'trace {\n every 0\n}'), context, next)).toBe(next);
});
