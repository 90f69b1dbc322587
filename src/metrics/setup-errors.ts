/** Errors while the node was set up: the one metric of node-cache itself (spec §6.2). */
import type { Catalogue } from './catalogue.ts';

/** Counters that whoever sets up the node adds to. */
export interface SetupErrorCounts {
  readonly iptables: number;
  readonly iptablesLock: number;
  readonly interfaceAdd: number;
  readonly interfaceCheck: number;
  readonly configmap: number;
}

/** Shows `counts`, each error type from the start: alerts need the 0 before the first error. */
export function showSetupErrors(catalogue: Catalogue, counts: SetupErrorCounts): void {
  catalogue.source('coredns_nodecache_setup_errors_total', (emit) => {
    emit({ errortype: 'iptables' }, counts.iptables);
    emit({ errortype: 'iptables_lock' }, counts.iptablesLock);
    emit({ errortype: 'interface_add' }, counts.interfaceAdd);
    emit({ errortype: 'interface_check' }, counts.interfaceCheck);
    emit({ errortype: 'configmap' }, counts.configmap);
  });
}
