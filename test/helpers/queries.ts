/** Queries as the server hands them to plugins. */
import packet from 'dns-packet';
import { type Client, Query } from '../../src/dns/query.ts';
import { QueryView } from '../../src/dns/query-view.ts';
import type { Transport } from '../golden/scenario.ts';

/** What differs from a plain query for an A record over UDP. */
export interface QueryParts {
  readonly type?: string;
  readonly transport?: Transport;
  readonly id?: number;
  readonly zone?: string;
  readonly receivedAtMs?: number;
}

/** A client that takes no reply. */
export function clientOver(transport: Transport): Client {
  return {
    transport,
    family: 4,
    address: '192.0.2.7',
    port: 40_000,
    localAddress: '169.254.20.10',
    localPort: 53,
    send: () => {},
  };
}

/** A query for `name`. */
export function makeQuery(name: string, parts: QueryParts = {}): Query {
  const message = packet.encode({
    type: 'query',
    id: parts.id ?? 0x1234,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name: name.replace(/\.$/, '') || '.', type: (parts.type ?? 'A') as 'A' }],
  });
  const view = new QueryView();
  view.read(message, 0, message.length);
  return new Query(view, message, 0, {
    client: clientOver(parts.transport ?? 'udp'),
    zone: parts.zone ?? '.',
    server: 'dns://169.254.20.10:53',
    nowMs: parts.receivedAtMs ?? 0,
  });
}
