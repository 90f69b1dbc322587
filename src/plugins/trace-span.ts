/** One traced query, and how the two kinds of collectors want to be told about it. */
import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** An end of the conversation. */
export interface SpanEnd {
  readonly address: string;
  readonly port: number;
}

export interface Span {
  /** Sixteen hexadecimal digits; the trace has the same, as it has no other span. */
  readonly id: string;
  readonly startEpochMs: number;
  readonly durationMs: number;
  /** The address of ours that was asked, and who asked. */
  readonly local: SpanEnd;
  readonly remote: SpanEnd;
  readonly name: string;
  readonly type: string;
  readonly rcode: string;
  readonly proto: string;
  /** Who wrote the answer; '' for the server itself. */
  readonly plugin: string;
}

/** A request to a collector. */
export interface TraceMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the spans of one directive have in common. */
export interface SpanLabels {
  readonly service: string;
  readonly analyticsRate: number | null;
}

/** What CoreDNS calls the span of a query. */
const SPAN_NAME = 'servedns';

/** 63 bits: Datadog's agent reads identifiers as signed numbers in places. */
export function newSpanId(): string {
  const octets = randomBytes(8);
  octets[0] &= 0x7f;
  return octets.toString('hex');
}

/** Zipkin's API version 2 (zipkin.io/zipkin-api). Times are in microseconds. */
export function encodeZipkin(spans: readonly Span[], { service }: SpanLabels): TraceMessage {
  const body = spans.map((span) => ({
    traceId: span.id,
    id: span.id,
    name: SPAN_NAME,
    kind: 'SERVER',
    timestamp: Math.round(span.startEpochMs * 1000),
    // Zero would mean that the duration is not known.
    duration: Math.max(1, Math.round(span.durationMs * 1000)),
    localEndpoint: { serviceName: service, ...zipkinEnd(span.local) },
    remoteEndpoint: zipkinEnd(span.remote),
    tags: tagsOf(span, '/'),
  }));
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function zipkinEnd({ address, port }: SpanEnd): Record<string, string | number> {
  return isIPv6(address) ? { ipv6: address, port } : { ipv4: address, port };
}

/** The agent's API version 0.4 in its JSON form: a list of traces, each a list of spans. */
export function encodeDatadog(
  spans: readonly Span[],
  { service, analyticsRate }: SpanLabels,
): TraceMessage {
  const traces = spans.map((span) => {
    const others = JSON.stringify({
      parent_id: 0,
      name: SPAN_NAME,
      resource: SPAN_NAME,
      service,
      type: 'dns',
      duration: Math.max(1, Math.round(span.durationMs * 1e6)),
      error: span.rcode === 'SERVFAIL' ? 1 : 0,
      meta: { 'span.kind': 'server', ...tagsOf(span, '@') },
      metrics: analyticsRate === null ? {} : { '_dd1.sr.eausr': analyticsRate },
    });
    // Identifiers and nanoseconds have more digits than a JavaScript number: they go in as text.
    const id = BigInt(`0x${span.id}`);
    const start = `${Math.round(span.startEpochMs * 1000)}000`;
    return `[{"trace_id":${id},"span_id":${id},"start":${start},${others.slice(1)}]`;
  });
  return {
    headers: { 'content-type': 'application/json', 'x-datadog-trace-count': `${spans.length}` },
    body: `[${traces.join(',')}]`,
  };
}

/** The tags of CoreDNS, whose separator depends on the collector, and who wrote the answer. */
function tagsOf(span: Span, separator: '/' | '@'): Record<string, string> {
  const prefix = `coredns.io${separator}`;
  return {
    [`${prefix}name`]: span.name,
    [`${prefix}type`]: span.type,
    [`${prefix}rcode`]: span.rcode,
    [`${prefix}proto`]: span.proto,
    [`${prefix}remote`]: span.remote.address,
    [`${prefix}plugin`]: span.plugin,
  };
}
