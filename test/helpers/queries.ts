/** Queries as the server hands them to plugins. */
import packet from 'dns-packet';
import type { EdnsOption } from '../../src/dns/edns.ts';
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
  readonly class?: 'IN' | 'CH';
  readonly client?: Partial<Client>;
  /** EDNS options; there is an OPT record with any list of them. */
  readonly ednsOptions?: readonly EdnsOption[];
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
    questions: [
      {
        name: name.replace(/\.$/, '') || '.',
        type: (parts.type ?? 'A') as 'A',
        class: parts.class ?? 'IN',
      },
    ],
    additionals: parts.ednsOptions === undefined ? [] : [optRecord(parts.ednsOptions)],
  });
  const view = new QueryView();
  view.read(message, 0, message.length);
  return new Query(view, message, 0, {
    client: { ...clientOver(parts.transport ?? 'udp'), ...parts.client },
    zone: parts.zone ?? '.',
    server: 'dns://169.254.20.10:53',
    nowMs: parts.receivedAtMs ?? 0,
  });
}

/** An OPT record with these options. */
export function optRecord(options: readonly EdnsOption[]): packet.OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    // dns-packet writes any option by its code and data.
    options: options as packet.PacketOpt[],
  };
}
