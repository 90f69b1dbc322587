/**
 * Every directive, in the order of the chain, whatever the order in the Corefile (spec §5.0).
 */
import { bind } from './bind.ts';
import { bufsize } from './bufsize.ts';
import { debug } from './debug.ts';
import type { Directive } from './directive.ts';
import { errors } from './errors.ts';
import { log } from './log.ts';
import { metadata } from './metadata.ts';
import { reload } from './reload.ts';
import { timeouts } from './timeouts.ts';
import { whoami } from './whoami.ts';

/** The directives of this daemon. BOUNDED by what is listed here. */
export const DIRECTIVES: readonly Directive<unknown>[] = [
  metadata,
  timeouts,
  reload,
  bufsize,
  bind,
  debug,
  errors,
  log,
  whoami,
];

/**
 * Directives of CoreDNS that node-cache is built without, or that need what a node's cache has not:
 * they deserve a better message than a word that was mistyped.
 */
export const UNAVAILABLE: ReadonlySet<string> = new Set(
  `root geoip cancel tls quic grpc_server https https3 multisocket nsid trace ready health pprof
  prometheus dnstap local dns64 acl any chaos loadbalance tsig cache rewrite header dnssec autopath
  minimal template transfer hosts route53 azure clouddns k8s_external kubernetes file auto secondary
  etcd loop forward grpc erratic on sign view nomad`.split(/\s+/),
);
