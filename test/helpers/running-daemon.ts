/** A built daemon with a Corefile of its own, scripted upstreams behind it, and all ports free ones. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type packet from 'dns-packet';
import { onTestFinished } from 'vitest';
import { encodeQuestion, showReply } from '../golden/message-text.ts';
import type { Question, Rule } from '../golden/scenario.ts';
import { ScriptedRules } from '../golden/scripted-rules.ts';
import { DaemonProcess } from './daemon-process.ts';
import { askTcp, askUdp } from './dns-client.ts';
import { freePort } from './free-port.ts';

export interface DaemonSetup {
  /** May hold {PORT}, {UP} (the scripted upstream), {METRICS} and {HEALTH}. */
  readonly corefile?: string;
  readonly rules?: readonly Rule[];
  /** Come after the ones that every test needs, so they win. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A template for the Corefile, with the same placeholders and those that the daemon fills in. */
  readonly template?: string;
  /** Another bundle than the built one. */
  readonly bundle?: string;
}

/** A reply as scenario files write it. */
export interface Reply {
  readonly rcode: string;
  readonly flags: string;
  readonly answer: readonly string[];
}

/** One block with what most tests look at. */
export const COREFILE = `.:{PORT} {
    errors
    cache 30
    bind 127.0.0.1
    forward . 127.0.0.1:{UP}
    prometheus 127.0.0.1:{METRICS}
    health 127.0.0.1:{HEALTH}
}
`;

/** Answers `a.example A` with 10.0.0.1. */
export const RULES: readonly Rule[] = [
  { name: 'a.example.', type: 'A', reply: { answer: ['a.example. 60 IN A 10.0.0.1'] } },
];

export class RunningDaemon {
  readonly process: DaemonProcess;
  readonly folder: string;
  readonly corefilePath: string;
  readonly upstream: ScriptedRules;
  readonly ports: Ports;
  #lastId = 1;

  constructor(
    parts: Pick<RunningDaemon, 'process' | 'folder' | 'corefilePath' | 'upstream' | 'ports'>,
  ) {
    this.process = parts.process;
    this.folder = parts.folder;
    this.corefilePath = parts.corefilePath;
    this.upstream = parts.upstream;
    this.ports = parts.ports;
  }

  /** The reply over UDP, or over the transport that `more` names; null when none comes in time. */
  async ask(name: string, type: packet.RecordType, more: Partial<Question> = {}) {
    const message = encodeQuestion({ name, type, ...more }, ++this.#lastId);
    const port = this.ports.dns;
    const reply =
      more.transport === 'tcp' ? (await askTcp(port, [message]))[0] : await askUdp(port, message);
    const shown = showReply(reply);
    return shown === 'timeout' ? null : (shown as Reply);
  }

  /** The metrics in text form. */
  async scrape(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.ports.metrics}/metrics`);
    return response.text();
  }

  /** Replaces the Corefile as a whole, the way an operator's editor does. */
  async writeCorefile(text: string): Promise<void> {
    await writeFile(this.corefilePath, fillIn(text, this.ports));
  }

  /** Writes a file in the daemon's folder, {PORT} and the like filled in. */
  async writeFile(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), fillIn(text, this.ports));
  }

  /** The text of a file in the daemon's folder. */
  async readFile(name: string): Promise<string> {
    return readFile(join(this.folder, name), 'utf8');
  }
}

/** Ports of one test. */
interface Ports {
  readonly dns: number;
  readonly upstream: number;
  readonly metrics: number;
  readonly health: number;
  /** Of the second metrics server. */
  readonly setupMetrics: number;
}

/** Starts a daemon that is gone when the test is over. Resolves when it listens. */
export async function startDaemon(setup: DaemonSetup = {}): Promise<RunningDaemon> {
  const daemon = await prepareDaemon(setup);
  await daemon.process.untilListening(daemon.ports.dns);
  return daemon;
}

/** Starts a daemon without waiting for it, for those that are not to come up. */
export async function prepareDaemon(setup: DaemonSetup = {}): Promise<RunningDaemon> {
  const folder = await mkdtemp(join(tmpdir(), 'nodelocaldns-e2e-'));
  const ports = await freePorts();
  const upstream = new ScriptedRules(setup.rules ?? RULES, ports.upstream);
  await upstream.up();
  const corefilePath = join(folder, 'Corefile');
  await writeFile(corefilePath, fillIn(setup.corefile ?? COREFILE, ports));
  const templatePath = join(folder, 'Corefile.base');
  if (setup.template !== undefined) await writeFile(templatePath, fillIn(setup.template, ports));
  const flags = [
    ...['-conf', corefilePath, '-basecorefile', templatePath],
    ...['-dns.port', `${ports.dns}`, '-localip', '127.0.0.1'],
    ...['-setupinterface=false', '-setupiptables=false'],
    ...['-metrics-listen-address', `127.0.0.1:${ports.setupMetrics}`],
    ...(setup.flags ?? []).map((flag) => fillIn(flag, ports)),
  ];
  const process = new DaemonProcess(flags, {
    cwd: folder,
    env: setup.env ?? {},
    ...(setup.bundle === undefined ? {} : { bundle: setup.bundle }),
  });
  onTestFinished(async () => {
    await process.stop();
    await upstream.down();
    await rm(folder, { recursive: true });
  });
  return new RunningDaemon({ process, folder, corefilePath, upstream, ports });
}

async function freePorts(): Promise<Ports> {
  return {
    dns: await freePort(),
    upstream: await freePort(),
    metrics: await freePort(),
    health: await freePort(),
    setupMetrics: await freePort(),
  };
}

function fillIn(text: string, ports: Ports): string {
  return text
    .replaceAll('{PORT}', `${ports.dns}`)
    .replaceAll('{UP}', `${ports.upstream}`)
    .replaceAll('{METRICS}', `${ports.metrics}`)
    .replaceAll('{HEALTH}', `${ports.health}`);
}
