/** The syntax of `forward` (spec §5.4): what each option takes, its default and its bounds. */
import { isIP } from 'node:net';
import { CorefileError } from '../config/corefile-error.ts';
import { readServerKey } from '../config/server-key.ts';
import type { DirectiveUse, Token } from '../config/token.ts';
import { checkCount, readDurationMs, readInteger, unknownOption } from '../config/values.ts';
import { RCODE_NOERROR } from '../dns/header.ts';
import type { ForwarderOptions } from '../forward/forwarder.ts';
import type { HealthCheckOptions } from '../forward/health-check.ts';
import { POLICIES, type PolicyName } from '../forward/policy.ts';
import type { ConnectionLimits } from '../forward/tcp-exchange.ts';
import { readTarget, type Target } from './forward-target.ts';
import {
  HEALTH_CHECK,
  readHealthCheck,
  readRcodes,
  readResolver,
  readTlsFiles,
} from './forward-values.ts';

/** One `forward`, complete. */
export interface ForwardRule {
  /** Lower case, with its last dot. */
  readonly from: string;
  /** Names in these zones are left to the next directive; `from` itself never is. */
  readonly except: readonly string[];
  readonly targets: readonly Target[];
  readonly forwarder: ForwarderOptions;
  readonly limits: ConnectionLimits;
  readonly healthCheck: HealthCheckOptions;
  readonly tls: TlsFiles;
  /** '' for the kernel's choice. */
  readonly sourceAddress: string;
  /** How upstreams over HTTPS are asked. */
  readonly httpsMethod: 'GET' | 'POST';
  /** Who is asked for the addresses of host names, `ip:port`; empty: the system's name servers. */
  readonly resolvers: readonly string[];
  /** Response codes on which the next `forward` of the block is asked. */
  readonly next: ReadonlySet<number>;
  /** The same for an answer without the records asked for. */
  readonly nextOnNodata: boolean;
  /** What to tell the operator when this comes into force. */
  readonly warnings: readonly string[];
}

/** What `tls` and `tls_servername` say. Contents of the files. */
export interface TlsFiles {
  readonly serverName: string;
  readonly certificate: Buffer | null;
  readonly key: Buffer | null;
  readonly authorities: Buffer | null;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
/** A rule while its lines are read. */
interface Draft {
  readonly except: string[];
  readonly targets: readonly Target[];
  readonly forwarder: Mutable<ForwarderOptions>;
  readonly limits: Mutable<ConnectionLimits>;
  healthCheck: HealthCheckOptions;
  readonly tls: Mutable<TlsFiles>;
  sourceAddress: string;
  httpsMethod: 'GET' | 'POST';
  readonly resolvers: string[];
  readonly next: Set<number>;
  readonly failover: Set<number>;
  nextOnNodata: boolean;
  hasPolicy: boolean;
}

const MAX_TARGETS = 15;
const AT_LEAST_0 = { min: 0, max: Number.POSITIVE_INFINITY };
const UINT32 = { min: 0, max: 0xffff_ffff };
const EXPIRE_MS = 10_000;
/** The original never gives up a busy connection, and so never sees a new pod. */
const MAX_AGE_MS = 60_000;
const KEPT = { default: 2, min: 0, max: 16 };
const READ_TIMEOUT = { default: 2000, min: 1, max: 60_000 };
const DEADLINE_MS = 5000;
const MAX_FAILS = 2;

/** Reads one use. Throws CorefileError. */
export function readForwardRule({ name, args, lines }: DirectiveUse): ForwardRule {
  checkCount(name, args, { min: 2, max: Number.POSITIVE_INFINITY });
  const [from, ...to] = args;
  const zones = zonesOf(from);
  const draft = defaults(to.map(readTarget));
  for (const { words, lines: inner } of lines) {
    const [option, ...values] = words;
    const read = Object.hasOwn(OPTIONS, option.text) ? OPTIONS[option.text] : undefined;
    if (read === undefined || inner.length > 0) throw unknownOption('forward', option);
    read(draft, option, values);
  }
  checkTargets(draft, name);
  followResolvConf(draft);
  const { failover, hasPolicy: _, ...rule } = draft;
  return Object.freeze({
    ...rule,
    from: zones[0],
    forwarder: Object.freeze({ ...draft.forwarder, failover }),
    warnings: Object.freeze(zones.length === 1 ? [] : [severalZones(from, zones[0])]),
  });
}

function defaults(targets: readonly Target[]): Draft {
  return {
    except: [],
    targets,
    forwarder: {
      policy: 'random',
      forceTcp: false,
      preferUdp: false,
      randomizeCase: false,
      maxFails: MAX_FAILS,
      maxConcurrent: 0,
      maxConnectAttempts: 0,
      failFast: false,
      failover: new Set(),
      sendsPerUpstream: 0,
      ...timesFor(READ_TIMEOUT.default),
    },
    limits: { kept: KEPT.default, idleMs: EXPIRE_MS, maxAgeMs: MAX_AGE_MS },
    healthCheck: HEALTH_CHECK,
    tls: { serverName: '', certificate: null, key: null, authorities: null },
    sourceAddress: '',
    httpsMethod: 'POST',
    resolvers: [],
    next: new Set(),
    failover: new Set(),
    nextOnNodata: false,
    hasPolicy: false,
  };
}

/** The limits that follow from how long one upstream may be silent. */
function timesFor(readTimeoutMs: number) {
  return {
    retryCeilingMs: readTimeoutMs,
    // A little less, so that who waits for that long is told in time.
    silenceMs: readTimeoutMs * 0.9,
    deadlineMs: Math.max(DEADLINE_MS, readTimeoutMs),
  };
}

type ReadOption = (draft: Draft, option: Token, values: readonly Token[]) => void;

/** Every option by name. BOUNDED by what is listed here. */
const OPTIONS: Readonly<Record<string, ReadOption>> = {
  except(draft, option, values) {
    checkCount(option, values, { min: 1, max: Number.POSITIVE_INFINITY });
    draft.except.push(...values.flatMap(zonesOf));
  },
  force_tcp: flag((draft) => {
    draft.forwarder.forceTcp = true;
  }),
  prefer_udp: flag((draft) => {
    draft.forwarder.preferUdp = true;
  }),
  randomize_case: flag((draft) => {
    draft.forwarder.randomizeCase = true;
  }),
  failfast_all_unhealthy_upstreams: flag((draft) => {
    draft.forwarder.failFast = true;
  }),
  next_on_nodata: flag((draft) => {
    draft.nextOnNodata = true;
  }),
  expire: single((draft, value) => {
    draft.limits.idleMs = readDurationMs(value, AT_LEAST_0);
  }),
  max_age: single((draft, value) => {
    draft.limits.maxAgeMs = readDurationMs(value, AT_LEAST_0) || Number.POSITIVE_INFINITY;
  }),
  max_idle_conns: single((draft, value) => {
    const wanted = readInteger(value, AT_LEAST_0) || KEPT.default;
    draft.limits.kept = Math.min(wanted, KEPT.max);
  }),
  read_timeout: single((draft, value) => {
    Object.assign(draft.forwarder, timesFor(readDurationMs(value, READ_TIMEOUT)));
  }),
  max_fails: single((draft, value) => {
    draft.forwarder.maxFails = readInteger(value, UINT32);
  }),
  max_connect_attempts: single((draft, value) => {
    draft.forwarder.maxConnectAttempts = readInteger(value, UINT32);
  }),
  max_concurrent: single((draft, value) => {
    draft.forwarder.maxConcurrent = readInteger(value, AT_LEAST_0);
  }),
  policy: single((draft, value) => {
    if (!isPolicy(value.text)) {
      throw new CorefileError('argument-value', `unknown policy '${value.text}'`, value);
    }
    draft.forwarder.policy = value.text;
    draft.hasPolicy = true;
  }),
  source_address: single((draft, value) => {
    if (isIP(value.text) === 0) {
      throw new CorefileError('argument-value', `"${value.text}" is not an IP address`, value);
    }
    draft.sourceAddress = value.text;
  }),
  doh_method: single((draft, value) => {
    if (value.text !== 'GET' && value.text !== 'POST') {
      throw new CorefileError('argument-value', `"${value.text}" is not one of GET, POST`, value);
    }
    draft.httpsMethod = value.text;
  }),
  resolver(draft, option, values) {
    checkCount(option, values, { min: 1, max: Number.POSITIVE_INFINITY });
    draft.resolvers.push(...values.map(readResolver));
  },
  tls_servername: single((draft, value) => {
    draft.tls.serverName = value.text;
  }),
  health_check(draft, option, values) {
    draft.healthCheck = readHealthCheck(option, values);
  },
  tls(draft, option, values) {
    Object.assign(draft.tls, readTlsFiles(option, values));
  },
  next(draft, option, values) {
    for (const rcode of readRcodes(option, values)) draft.next.add(rcode);
  },
  failover(draft, option, values) {
    for (const rcode of readRcodes(option, values)) {
      if (rcode === RCODE_NOERROR) {
        throw new CorefileError('argument-value', '"NOERROR" cannot be used in failover', option);
      }
      draft.failover.add(rcode);
    }
  },
};

/** An option that is just its name. */
function flag(set: (draft: Draft) => void): ReadOption {
  return (draft, option, values) => {
    checkCount(option, values, { min: 0, max: 0 });
    set(draft);
  };
}

/** An option with one value. */
function single(set: (draft: Draft, value: Token) => void): ReadOption {
  return (draft, option, values) => {
    checkCount(option, values, { min: 1, max: 1 });
    set(draft, values[0]);
  };
}

/** The zone a word names; several for a network whose mask lies within a label. */
function zonesOf(word: Token): string[] {
  return readServerKey(word, 0).map((key) => key.zone);
}

function severalZones({ text }: Token, used: string): string {
  return `unsupported CIDR notation: '${text}' expands to multiple zones, using only '${used}'`;
}

function checkTargets({ targets, tls }: Draft, name: Token): void {
  const count = targets.reduce(
    (sum, target) => sum + (target.kind === 'file' ? target.conf.servers.length : 1),
    0,
  );
  if (count > MAX_TARGETS) {
    const message = `more than ${MAX_TARGETS} TOs configured: ${count}`;
    throw new CorefileError('argument-count', message, name);
  }
  const hasOwnName = targets.some((target) => target.kind !== 'file' && target.serverName);
  if (hasOwnName && tls.serverName !== '') {
    const message = 'tls_servername and a server name behind a TO exclude each other';
    throw new CorefileError('argument-value', message, name);
  }
}

/** The options of resolv.conf hold where the Corefile says nothing. */
function followResolvConf({ targets, forwarder, hasPolicy }: Draft): void {
  for (const target of targets) {
    if (target.kind !== 'file') continue;
    const { rotate, attempts, timeoutSeconds } = target.conf;
    if (rotate && !hasPolicy) forwarder.policy = 'round_robin';
    if (attempts !== null) forwarder.sendsPerUpstream = Math.max(attempts, 1);
    if (timeoutSeconds !== null) {
      const ceilingMs = Math.max(timeoutSeconds, 1) * 1000;
      forwarder.retryCeilingMs = Math.min(forwarder.retryCeilingMs, ceilingMs);
    }
  }
}

function isPolicy(text: string): text is PolicyName {
  return (POLICIES as readonly string[]).includes(text);
}
