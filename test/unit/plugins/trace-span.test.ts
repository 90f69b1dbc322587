import { expect, test } from 'vitest';
import {
  encodeDatadog,
  encodeZipkin,
  newSpanId,
  type Span,
} from '../../../src/plugins/trace-span.ts';

const SPAN: Span = {
  id: '7fffffffffffffff',
  startEpochMs: 1_760_000_000_123.456,
  durationMs: 0.5,
  local: { address: 'fd00::a', port: 53 },
  remote: { address: '10.0.0.7', port: 4321 },
  name: 'example.org.',
  type: 'AAAA',
  rcode: 'NOERROR',
  proto: 'tcp',
  plugin: 'cache',
};

test('zipkin gets microseconds and the right kind of address', () => {
  const { body } = encodeZipkin([SPAN], { service: 'dns', analyticsRate: null });
  expect(JSON.parse(body)).toMatchObject([
    {
      traceId: SPAN.id,
      id: SPAN.id,
      timestamp: 1_760_000_000_123_456,
      duration: 500,
      localEndpoint: { serviceName: 'dns', ipv6: 'fd00::a', port: 53 },
      remoteEndpoint: { ipv4: '10.0.0.7', port: 4321 },
    },
  ]);
});

test('datadog gets whole identifiers and nanoseconds, one trace a span', () => {
  const { body, headers } = encodeDatadog([SPAN, SPAN], { service: 'dns', analyticsRate: 0.5 });
  expect(headers['x-datadog-trace-count']).toBe('2');
  expect(body).toContain('"trace_id":9223372036854775807,"span_id":9223372036854775807,');
  expect(body).toContain('"start":1760000000123456000,');
  expect(JSON.parse(body)).toMatchObject([
    [{ service: 'dns', duration: 500_000, error: 0, metrics: { '_dd1.sr.eausr': 0.5 } }],
    [{ meta: { 'coredns.io@type': 'AAAA', 'coredns.io@plugin': 'cache' } }],
  ]);
});

test('a failure is marked for datadog', () => {
  const { body } = encodeDatadog([{ ...SPAN, rcode: 'SERVFAIL' }], {
    service: 'dns',
    analyticsRate: null,
  });
  expect(JSON.parse(body)).toMatchObject([[{ error: 1, metrics: {} }]]);
});

test('identifiers are 63 bits in 16 digits and differ', () => {
  const ids = Array.from({ length: 200 }, newSpanId);
  expect(new Set(ids).size).toBe(200);
  expect(ids.every((id) => /^[0-7][0-9a-f]{15}$/.test(id))).toBe(true);
});
