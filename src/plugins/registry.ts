/**
 * Every directive, in the order of the chain, whatever the order in the Corefile (spec §5.0).
 */
import { acl } from './acl.ts';
import { any } from './any.ts';
import { bind } from './bind.ts';
import { bufsize } from './bufsize.ts';
import { cache } from './cache.ts';
import { cancel } from './cancel.ts';
import { chaos } from './chaos.ts';
import { debug } from './debug.ts';
import type { Directive } from './directive.ts';
import { dns64 } from './dns64.ts';
import { errors } from './errors.ts';
import { forward } from './forward.ts';
import { header } from './header.ts';
import { health } from './health.ts';
import { hosts } from './hosts.ts';
import { loadbalance } from './loadbalance.ts';
import { local } from './local.ts';
import { log } from './log.ts';
import { loop } from './loop.ts';
import { metadata } from './metadata.ts';
import { minimal } from './minimal.ts';
import { multisocket } from './multisocket.ts';
import { nsid } from './nsid.ts';
import { pprof } from './pprof.ts';
import { prometheus } from './prometheus.ts';
import { ready } from './ready.ts';
import { reload } from './reload.ts';
import { rewrite } from './rewrite.ts';
import { template } from './template.ts';
import { timeouts } from './timeouts.ts';
import { trace } from './trace.ts';
import { whoami } from './whoami.ts';

/** The directives of this daemon. BOUNDED by what is listed here. */
export const DIRECTIVES: readonly Directive<unknown>[] = [
  metadata,
  cancel,
  timeouts,
  multisocket,
  reload,
  nsid,
  bufsize,
  bind,
  debug,
  trace,
  ready,
  health,
  pprof,
  prometheus,
  errors,
  log,
  local,
  dns64,
  acl,
  any,
  chaos,
  loadbalance,
  cache,
  rewrite,
  header,
  minimal,
  template,
  hosts,
  loop,
  forward,
  whoami,
];

/** Every directive that CoreDNS knows, in its order: one that is not in DIRECTIVES was not mistyped. */
export const COREDNS_DIRECTIVES: ReadonlySet<string> = new Set(
  `root metadata geoip cancel tls quic grpc_server https https3 timeouts multisocket reload nsid
  bufsize bind debug trace ready health pprof prometheus errors log dnstap local dns64 acl any chaos
  loadbalance tsig cache rewrite header dnssec autopath minimal template transfer hosts route53 azure
  clouddns k8s_external kubernetes file auto secondary etcd loop forward grpc erratic whoami on sign
  view nomad`.split(/\s+/),
);
