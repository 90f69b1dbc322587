/** What listeners and connections count, at /metrics. */
import type { Catalogue } from '../metrics/catalogue.ts';
import type { TcpConnections } from './tcp-connections.ts';
import type { UdpCounters } from './udp-endpoint.ts';

/** Shows the connections of the process, once. */
export function showConnections(catalogue: Catalogue, connections: TcpConnections): void {
  const { counters } = connections;
  catalogue.lasting('tcp connections', () => {
    catalogue.source('nodelocaldns_tcp_connections', (emit) => emit({}, connections.size));
    catalogue.source('nodelocaldns_tcp_accepted_total', (emit) => emit({}, counters.accepted));
    catalogue.source('nodelocaldns_tcp_closed_total', (emit) => {
      emit({ reason: 'refused' }, counters.refused);
      emit({ reason: 'evicted' }, counters.evicted);
      emit({ reason: 'timeout' }, counters.timedOut);
    });
    return connections;
  });
}

/** Shows what the UDP listener of `server` counts; what it returns ends that. */
export function showUdp(catalogue: Catalogue, server: string, counters: UdpCounters): () => void {
  return catalogue.source('nodelocaldns_udp_unsent_total', (emit) => {
    emit({ server }, counters.unsent);
  });
}
