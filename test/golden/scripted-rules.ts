/** An upstream that answers by the rules of a scenario, over UDP and TCP on one port. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import packet from 'dns-packet';
import { frame, readFrames } from '../helpers/framing.ts';
import { bareName, FLAGS, parseRecord, RCODES } from './message-text.ts';
import type { Rule, ScriptedReply, Transport } from './scenario.ts';

/** Ways back to the one who asked. */
interface Asker {
  readonly transport: Transport;
  send(reply: Buffer): void;
  close(): void;
}

export class ScriptedRules {
  readonly port: number;
  /** What was asked since it was last emptied: `udp name TYPE`, with ` do` and ` cd`. */
  readonly seen: string[] = [];
  readonly #rules: { readonly rule: Rule; left: number }[];
  #udp: UdpSocket | null = null;
  #tcp: Server | null = null;
  /** BOUNDED by the connections of the server under test. */
  readonly #connections = new Set<Socket>();

  constructor(rules: readonly Rule[], port: number) {
    this.port = port;
    this.#rules = rules.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }));
  }

  async up(): Promise<void> {
    this.#udp = await this.#bindUdp();
    this.#tcp = createServer((socket) => this.#serve(socket));
    const tcp = this.#tcp;
    await new Promise<void>((resolve) => tcp.listen(this.port, '127.0.0.1', resolve));
  }

  async down(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = null;
    this.#tcp = null;
    for (const connection of this.#connections) connection.destroy();
    if (udp !== null) await new Promise<void>((resolve) => udp.close(() => resolve()));
    if (tcp !== null) await new Promise<void>((resolve) => tcp.close(() => resolve()));
  }

  /** A socket that is closing may hold the port a little longer. */
  async #bindUdp(): Promise<UdpSocket> {
    for (let attempt = 1; ; attempt++) {
      const socket = createSocket({ type: 'udp4', reuseAddr: true });
      const error = await new Promise<Error | null>((resolve) => {
        socket.once('error', resolve);
        socket.bind(this.port, '127.0.0.1', () => resolve(null));
      });
      if (error !== null) {
        if (attempt === 20) throw error;
        await sleep(100);
        continue;
      }
      socket.on('error', () => {});
      socket.on('message', (query, from) => {
        const send = (reply: Buffer) => this.#udp?.send(reply, from.port, from.address, () => {});
        this.#answer(query, { transport: 'udp', send, close: () => {} });
      });
      return socket;
    }
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => {});
    const send = (reply: Buffer) => {
      if (!socket.destroyed) socket.write(frame(reply));
    };
    const close = () => socket.destroy();
    readFrames(socket, (query) => this.#answer(query, { transport: 'tcp', send, close }));
  }

  #answer(message: Buffer, asker: Asker): void {
    const query = packet.decode(message);
    const question = (query.questions ?? [])[0];
    const opt = (query.additionals ?? []).find((record) => record.type === 'OPT');
    const bits = `${opt?.flag_do ? ' do' : ''}${query.flag_cd ? ' cd' : ''}`;
    const name = question.name.toLowerCase();
    this.seen.push(`${asker.transport} ${name || '.'} ${question.type}${bits}`);
    const used = this.#rules.find(
      ({ rule, left }) => left > 0 && matches(rule, name, question.type, asker.transport),
    );
    if (used !== undefined) used.left--;
    if (used?.rule.drop) return;
    if (used?.rule.close) {
      asker.close();
      return;
    }
    const reply = encodeReply(query, opt, used?.rule.reply ?? unknownName(question.name));
    setTimeout(() => asker.send(reply), used?.rule.delayMs ?? 0);
  }
}

export function matches(rule: Rule, name: string, type: string, transport: Transport): boolean {
  return (
    (rule.name === '*' || rule.name.replace(/\.$/, '').toLowerCase() === name) &&
    (rule.type === undefined || rule.type === type) &&
    (rule.transport === undefined || rule.transport === transport)
  );
}

/** The answer where no rule matches: there is no such name, for 30 s. */
export function unknownName(name: string): ScriptedReply {
  const zone = name.split('.').slice(-2).join('.') || '.';
  return {
    rcode: 'NXDOMAIN',
    authority: [`${zone}. 30 IN SOA ns. host. 1 7200 1800 86400 30`],
  };
}

export function encodeReply(
  query: packet.DecodedPacket,
  opt: packet.OptAnswer | undefined,
  reply: ScriptedReply,
): Buffer {
  let flags = query.flag_rd ? FLAGS.rd : 0;
  for (const name of (reply.flags ?? 'aa').split(' ').filter(Boolean)) flags |= FLAGS[name];
  const additionals: unknown[] = (reply.additional ?? []).map(parseRecord);
  if (opt !== undefined && reply.opt !== null) {
    const doFlag = opt.flag_do ? packet.DNSSEC_OK : 0;
    additionals.push({ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: doFlag, options: [] });
  }
  const id = query.id ?? 0;
  const message = {
    type: 'response',
    id: reply.wrongId ? (id + 1) & 0xffff : id,
    flags: flags | RCODES[reply.rcode ?? 'NOERROR'],
    opcode: (query as { opcode?: string }).opcode,
    questions: reply.question === undefined ? query.questions : [otherQuestion(reply.question)],
    answers: (reply.answer ?? []).map(parseRecord),
    authorities: (reply.authority ?? []).map(parseRecord),
    additionals,
  };
  return packet.encode(message as packet.Packet);
}

function otherQuestion(text: string): object {
  const [name, type] = text.split(' ');
  return { name: bareName(name), type, class: 'IN' };
}
