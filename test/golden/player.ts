/** Plays a scenario against the built daemon. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonProcess, type Exit } from '../helpers/daemon-process.ts';
import { askTcp, askUdp } from '../helpers/dns-client.ts';
import { freePort } from '../helpers/free-port.ts';
import { encodeQuestion, showReply } from './message-text.ts';
import type { Question, Scenario, Step, StepResult } from './scenario.ts';
import { ScriptedRules } from './scripted-rules.ts';

/** What playing a scenario gave. */
export interface Played {
  /** One for each step; empty for a start-up scenario. */
  readonly results: readonly StepResult[];
  /** How the daemon ended by itself; null when it had to be stopped. */
  readonly exit: Exit | null;
  readonly output: string;
}

/** Answers to broken messages come at once or not at all. */
const RAW_WAIT_MS = 1500;
/** How long a start-up scenario is given to fail. */
const STARTUP_MS = 30_000;
/** Late messages to upstreams still belong to the step that caused them. */
const SETTLE_MS = 30;

export async function play(scenario: Scenario): Promise<Played> {
  const folder = await mkdtemp(join(tmpdir(), 'golden-'));
  const port = await freePort();
  const deadPort = await freePort();
  const upstreams: ScriptedRules[] = [];
  for (const rules of scenario.upstreams) {
    upstreams.push(new ScriptedRules(rules, await freePort()));
  }
  for (const upstream of upstreams) await upstream.up();
  const corefile = join(folder, 'Corefile');
  const text = scenario.corefile
    .replaceAll('{PORT}', `${port}`)
    .replaceAll('{DEAD}', `${deadPort}`)
    .replace(/\{UP(\d)\}/g, (_, index) => `${upstreams[Number(index)]?.port ?? deadPort}`);
  await writeFile(corefile, text);
  const daemon = new DaemonProcess(flagsFor(corefile, port), {
    cwd: folder,
    env: scenario.env ?? {},
  });
  try {
    if (scenario.startup) {
      const exit = await daemon.untilExit(STARTUP_MS).catch(() => null);
      return { results: [], exit, output: daemon.output };
    }
    await daemon.untilListening(port);
    const results = await new Conversation(port, upstreams).playAll(scenario.steps);
    return { results, exit: daemon.exit, output: daemon.output };
  } finally {
    await daemon.stop();
    for (const upstream of upstreams) await upstream.down();
    await rm(folder, { recursive: true });
  }
}

function flagsFor(corefile: string, port: number): string[] {
  return [
    ...['-conf', corefile, '-basecorefile', `${corefile}.base`, '-dns.port', `${port}`],
    ...['-localip', '127.0.0.1', '-metrics-listen-address', '127.0.0.1:0'],
    ...['-setupinterface=false', '-setupiptables=false'],
  ];
}

/** The steps of one scenario, and what reached the upstreams meanwhile. */
class Conversation {
  readonly #port: number;
  readonly #upstreams: readonly ScriptedRules[];
  #lastId = 0x1000;

  constructor(port: number, upstreams: readonly ScriptedRules[]) {
    this.#port = port;
    this.#upstreams = upstreams;
  }

  async playAll(steps: readonly Step[]): Promise<StepResult[]> {
    // The probe of `loop` goes out at the start and is no part of the recording.
    await sleep(5 * SETTLE_MS);
    for (const upstream of this.#upstreams) upstream.seen.length = 0;
    const results: StepResult[] = [];
    for (const step of steps) results.push(await this.#play(step));
    return results;
  }

  async #play(step: Step): Promise<StepResult> {
    if (step.sleep !== undefined) {
      await sleep(step.sleep * 1000);
      return {};
    }
    if (step.upstreamDown !== undefined) {
      await this.#upstreams[step.upstreamDown].down();
      return {};
    }
    if (step.upstreamUp !== undefined) {
      await this.#upstreams[step.upstreamUp].up();
      return {};
    }
    const got = await this.#ask(step);
    await sleep(SETTLE_MS);
    return { got, seen: this.#upstreams.map(takeSeen) };
  }

  async #ask(step: Step): Promise<unknown> {
    if (step.q !== undefined) return this.#askOne(step.q);
    if (step.burst !== undefined) return Promise.all(step.burst.map((q) => this.#askOne(q)));
    if (step.pipeline !== undefined) return this.#askPipelined(step.pipeline);
    const message = Buffer.from((step.raw ?? '').replace(/\s/g, ''), 'hex');
    return step.transport === 'tcp'
      ? showReply((await askTcp(this.#port, [message], RAW_WAIT_MS))[0])
      : showReply(await askUdp(this.#port, message, RAW_WAIT_MS));
  }

  async #askOne(question: Question): Promise<unknown> {
    const message = encodeQuestion(question, ++this.#lastId);
    return question.transport === 'tcp'
      ? showReply((await askTcp(this.#port, [message]))[0])
      : showReply(await askUdp(this.#port, message));
  }

  /** Replies may overtake each other; they are listed in the order of the questions. */
  async #askPipelined(questions: readonly Question[]): Promise<unknown> {
    const messages = questions.map((question) => encodeQuestion(question, ++this.#lastId));
    const replies = await askTcp(this.#port, messages);
    return messages.map((message) =>
      showReply(replies.find((reply) => reply.readUInt16BE(0) === message.readUInt16BE(0))),
    );
  }
}

/** Takes what an upstream saw, without the probes of `loop`. */
function takeSeen(upstream: ScriptedRules): string[] {
  return upstream.seen
    .splice(0)
    .filter((line) => !line.includes('HINFO'))
    .sort();
}
