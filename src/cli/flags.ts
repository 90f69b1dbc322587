/** From the command line to what the daemon is to do: complete, checked and frozen (spec §1). */
import { isIP } from 'node:net';
import { type ListenAddress, parseListenAddress } from '../config/listen-address.ts';
import { serviceHostVariable } from '../config/template.ts';
import { durationMs } from '../config/values.ts';
import { FLAG_DEFINITIONS, type FlagName } from './flag-definitions.ts';
import { describeFlags, readFlagWords } from './flag-set.ts';

/** The flags of a run. */
export interface DaemonFlags {
  /** Each once, as written, IPv4 and IPv6 mixed; at least one. */
  readonly localAddresses: readonly string[];
  readonly dnsPort: number;
  readonly healthPort: number;

  readonly setupInterface: boolean;
  readonly interfaceName: string;
  readonly interfaceType: 'dummy' | 'tun';
  readonly setupRules: boolean;
  readonly rulesBackend: 'auto' | 'iptables' | 'nftables';
  readonly syncIntervalMs: number;
  /** How long addresses outlive a daemon that no longer answers; 0: for good. */
  readonly leaseMs: number;
  readonly skipTeardown: boolean;
  readonly shutdownDelayMs: number;
  /** Whether the kernel may be given several UDP replies to one client as one. */
  readonly udpSegments: boolean;

  readonly templatePath: string;
  /** The Corefile that is written and loaded; `stdin` for standard input. */
  readonly corefilePath: string;
  readonly kubeDnsFolder: string;
  /** False: the default folder, which need not exist. */
  readonly kubeDnsFolderGiven: boolean;
  readonly reloadWithSignal: boolean;
  /** The upstream of the cluster zones; null when neither flag nor environment has one. */
  readonly upstreamAddress: string | null;
  /** The environment variable that would have it. */
  readonly upstreamVariable: string;

  /** Where the daemon's own metrics are served; null: nowhere. */
  readonly metricsAddress: ListenAddress | null;
  readonly prometheusAddress: string;
  /** '' for none. */
  readonly pidfilePath: string;
  readonly quiet: boolean;
  readonly logFormat: 'text' | 'json';
}

/** What a command line leads to. */
export type FlagsOutcome =
  | { readonly kind: 'run'; readonly flags: DaemonFlags; readonly warnings: readonly string[] }
  | {
      readonly kind: 'exit';
      readonly code: number;
      readonly stdout: string;
      readonly stderr: string;
    };

/** What `-h`, `-version` and `-plugins` tell. */
export interface ProgramFacts {
  /** How the program was called. */
  readonly name: string;
  /** Printed as they are, a line each. */
  readonly versionLines: readonly string[];
  readonly directiveNames: readonly string[];
}

/** Linux' IFNAMSIZ without the closing zero. */
const MAX_INTERFACE_NAME = 15;
const DEFAULT_KUBE_DNS_FOLDER = '/etc/kube-dns';
/** Milliseconds: 2 s, so that one missed renewal ends nothing, to a day. */
const LEASE_MS = { min: 2000, max: 86_400_000 };
/** Milliseconds: a second to the longest delay that a timer takes. */
const SYNC_INTERVAL_MS = { min: 1000, max: 0x7fff_ffff };
const MAX_SHUTDOWN_DELAY_MS = 3_600_000;
const OLD_FLAGS: readonly string[] = ['setupebtables', 'i'];

/**
 * Reads a command line, without the program's own name. Nothing is done or looked up: `-version` and
 * `-plugins` come before all checks, faults before all side effects.
 */
export function readFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  program: ProgramFacts,
): FlagsOutcome {
  const words = readFlagWords(argv, FLAG_DEFINITIONS);
  if (words.kind === 'help') return exit(0, '', usageText(program));
  if (words.kind === 'fault') return exit(2, '', `${words.message}\n${usageText(program)}`);
  const value = (name: FlagName) => words.values.get(name) ?? '';
  if (value('version') === 'true') return exit(0, `${program.versionLines.join('\n')}\n`, '');
  if (value('plugins') === 'true') return exit(0, pluginsText(program), '');
  try {
    refuseRest(words.rest);
    const warnings: string[] = [];
    for (const name of OLD_FLAGS) {
      if (words.given.has(name)) warnings.push(`-${name} has no effect any more`);
    }
    return { kind: 'run', flags: normalise(value, env, warnings), warnings };
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    const usage = error.exitCode === 2 ? usageText(program) : '';
    return exit(error.exitCode, '', `Error parsing flags - ${error.message}\n${usage}`);
  }
}

type ValueOf = (name: FlagName) => string;

function normalise(
  value: ValueOf,
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): DaemonFlags {
  const isSet = (name: FlagName) => value(name) === 'true';
  const localAddresses = readLocalAddresses(value('localip'));
  const setupInterface = isSet('setupinterface');
  if (setupInterface) checkInterfaceName(value('interfacename'));
  const upstreamVariable = serviceHostVariable(value('upstreamsvc'));
  return Object.freeze({
    localAddresses: Object.freeze(localAddresses),
    dnsPort: readPort(value('dns.port'), 'port'),
    healthPort: readPort(value('health-port'), 'healthcheck port'),
    setupInterface,
    interfaceName: value('interfacename'),
    interfaceType: value('interfacetype') as DaemonFlags['interfaceType'],
    setupRules: isSet('setupiptables'),
    rulesBackend: value('rules') as DaemonFlags['rulesBackend'],
    syncIntervalMs: readSyncIntervalMs(value('syncinterval')),
    leaseMs: readLeaseMs(value('lease')),
    skipTeardown: isSet('skipteardown'),
    shutdownDelayMs: readShutdownDelayMs(value('shutdown-delay')),
    udpSegments: isSet('udpsegments'),
    templatePath: value('basecorefile'),
    corefilePath: value('conf') || value('corefile'),
    kubeDnsFolder: value('kubednscm') || DEFAULT_KUBE_DNS_FOLDER,
    kubeDnsFolderGiven: value('kubednscm') !== '',
    reloadWithSignal: isSet('reloadwithsignal'),
    upstreamAddress: readUpstream(value('upstreamip'), upstreamVariable, env, warnings),
    upstreamVariable,
    metricsAddress: readMetricsAddress(value('metrics-listen-address'), warnings),
    prometheusAddress: value('prometheus-listen-address'),
    pidfilePath: value('pidfile'),
    quiet: isSet('quiet'),
    logFormat: value('log-format') as DaemonFlags['logFormat'],
  });
}

/** Empty items are what the documented `sed` of IPVS clusters leaves behind. */
function readLocalAddresses(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  const addresses = [...new Set(items.filter((item) => item !== ''))];
  const invalid = addresses.find((item) => isIP(item) === 0 || item.includes('%'));
  if (invalid === undefined && addresses.length > 0) return addresses;
  throw new FlagError(`invalid localip specified - ${JSON.stringify(invalid ?? text)}`);
}

function checkInterfaceName(name: string): void {
  if (name.length <= MAX_INTERFACE_NAME && /^[^\s/:]+$/.test(name) && !/^\.\.?$/.test(name)) return;
  const limit = `1 to ${MAX_INTERFACE_NAME} characters, no space, slash or colon`;
  throw new FlagError(`invalid interfacename specified - ${JSON.stringify(name)}: ${limit}`);
}

function readPort(text: string, what: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new FlagError(`invalid ${what} specified - ${JSON.stringify(text)}`);
}

/**
 * A bare number means seconds. So do nanoseconds: node-cache multiplied what it was given by a
 * thousand million, so that is how its users had to write seconds.
 */
function readSyncIntervalMs(text: string): number {
  const seconds = /^(\d+)(?:ns)?$/.exec(text);
  const ms = seconds === null ? (durationMs(text) ?? 0) : Number(seconds[1]) * 1000;
  if (ms >= SYNC_INTERVAL_MS.min && ms <= SYNC_INTERVAL_MS.max) return ms;
  throw new FlagError(`invalid value "${text}" for flag -syncinterval: not 1s to 596h`, 2);
}

function readLeaseMs(text: string): number {
  const ms = durationMs(text) ?? 0;
  if (ms === 0 || (ms >= LEASE_MS.min && ms <= LEASE_MS.max)) return ms;
  throw new FlagError(`invalid value "${text}" for flag -lease: neither 0 nor 2s to 24h`, 2);
}

function readShutdownDelayMs(text: string): number {
  const ms = durationMs(text) ?? 0;
  if (ms >= 0 && ms <= MAX_SHUTDOWN_DELAY_MS) return ms;
  throw new FlagError(`invalid value "${text}" for flag -shutdown-delay: not 0 to 1h`, 2);
}

/** The flag, else the environment (spec §2.7). */
function readUpstream(
  flag: string,
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): string | null {
  if (isIP(flag) !== 0) return flag;
  if (flag !== '') throw new FlagError(`invalid upstreamip specified - ${JSON.stringify(flag)}`);
  const address = env[variable];
  if (address === undefined || isIP(address) !== 0) return address ?? null;
  warnings.push(`${variable} is no IP address - ${JSON.stringify(address)}`);
  return null;
}

/** Serving DNS does not depend on it: a bad one is only warned of. */
function readMetricsAddress(text: string, warnings: string[]): ListenAddress | null {
  const address = parseListenAddress(text);
  if (address === null && text !== '') {
    warnings.push(`invalid metrics-listen-address - ${JSON.stringify(text)}: no metrics there`);
  }
  return address;
}

/** `-setupiptables false` leaves the flag true and the word over: better to stop than to guess. */
function refuseRest([first]: readonly string[]): void {
  if (first === undefined) return;
  const hint = /^(true|false)$/i.test(first) ? '; write booleans as -name=value' : '';
  throw new FlagError(`extra command line arguments: ${JSON.stringify(first)}${hint}`);
}

function usageText({ name, versionLines }: ProgramFacts): string {
  const what = `Runs ${versionLines[0]} as a nodelocal cache listening on the specified ip:port`;
  return `Usage of ${name}:\n${what}\n\n${describeFlags(FLAG_DEFINITIONS)}`;
}

function pluginsText({ directiveNames }: ProgramFacts): string {
  const names = [...directiveNames].sort().map((name) => `  dns.${name}\n`);
  return `Server types:\n  dns\n\nCaddyfile loaders:\n  flag\n  default\n\nOther plugins:\n${names.join('')}`;
}

function exit(code: number, stdout: string, stderr: string): FlagsOutcome {
  return { kind: 'exit', code, stdout, stderr };
}

/** A command line that cannot be run. */
class FlagError extends Error {
  /** 1 for a value that makes no sense, 2 for one that is not even well formed, as with Go. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = 'FlagError';
    this.exitCode = exitCode;
  }
}
