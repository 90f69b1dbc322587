/**
 * A daemon whose upstream answers with octets that were a reply once, and then with the right one.
 * Whatever comes, the client gets one well-formed answer to its own question, and nothing of it
 * reaches other names.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import packet from 'dns-packet';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { decodeMessage } from '../../../src/dns/message.ts';
import { nameFromText } from '../../../src/dns/name.ts';
import { askUdp } from '../../helpers/dns-client.ts';
import { frame, readFrames } from '../../helpers/framing.ts';
import { freePort } from '../../helpers/free-port.ts';
import { startDaemon } from '../../helpers/running-daemon.ts';
import { FUZZ_TIMEOUT_MS, runs } from '../budget.ts';
import { type Mutation, mutate, mutations } from '../mutation.ts';

const NOTHING: Mutation = { changes: [], cut: null };
/** Octets of the ID, which is left alone every other time: nobody looks behind a wrong one. */
const ID_LENGTH = 2;
const WITNESS = 'witness.test';
const WITNESS_ADDRESS = '192.0.2.53';

/** Tried always: a wrong ID, records that are not there, a header alone, a CNAME turned into HINFO. */
const FOUND: [Mutation, boolean][] = [
  [{ changes: [{ at: 0, octet: 0xff }], cut: null }, false],
  [{ changes: [{ at: 10, octet: 0xc0 }], cut: null }, true],
  [{ changes: [], cut: 12 }, true],
  [{ changes: [{ at: 37, octet: 13 }], cut: null }, true],
];

test.each(['udp', 'tcp'] as const)(
  'mutated replies over %s harm nobody',
  { timeout: FUZZ_TIMEOUT_MS + 30_000 },
  async (transport) => {
    const upstream = new MutatingUpstream();
    const port = await freePort();
    await upstream.start(port, transport);
    const corefile = `.:{PORT} {
    bind 127.0.0.1
    cache
    forward . 127.0.0.1:${port} {
        ${transport === 'tcp' ? 'force_tcp' : 'prefer_udp'}
        max_fails 0
    }
}
`;
    const daemon = await startDaemon({ corefile });
    let number = 0;
    await fc.assert(
      fc.asyncProperty(mutations, fc.boolean(), async (mutation, keepsId) => {
        const name = `n${number++}.test`;
        upstream.next = { name, mutation, start: keepsId ? ID_LENGTH : 0 };
        const reply = await askUdp(daemon.ports.dns, queryFor(name, number & 0xffff));
        if (reply === null) throw new Error('no answer');
        // dns-packet has opinions on data, such as that of HINFO, that are not the message's form.
        const decoded = decodeMessage(reply);
        expect(decoded?.id).toBe(number & 0xffff);
        expect(decoded?.questions).toEqual([{ name: nameFromText(`${name}.`), type: 1, class: 1 }]);
        const witness = await askUdp(daemon.ports.dns, queryFor(WITNESS, 1));
        expect(packet.decode(witness ?? Buffer.alloc(0)).answers).toMatchObject([
          { name: WITNESS, data: WITNESS_ADDRESS },
        ]);
      }),
      { ...runs(150), examples: FOUND },
    );
    expect(daemon.process.exit).toBeNull();
    expect(
      await fetch(`http://127.0.0.1:${daemon.ports.setupMetrics}/metrics`).then((r) => r.text()),
    ).toContain('coredns_panics_total 0');
  },
);

/** Sends a mutated reply for one name, and the right one behind it. */
class MutatingUpstream {
  next = { name: '', mutation: NOTHING, start: 0 };

  async start(port: number, transport: 'udp' | 'tcp'): Promise<void> {
    if (transport === 'udp') {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
      onTestFinished(() => void socket.close());
      socket.on('message', (query, from) => {
        for (const reply of this.#replies(query)) socket.send(reply, from.port, from.address);
      });
      return;
    }
    const server = createServer((socket) => {
      socket.on('error', () => {});
      readFrames(socket, (query) => {
        for (const reply of this.#replies(query)) socket.write(frame(reply));
      });
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
  }

  #replies(query: Buffer): Buffer[] {
    const { id, questions = [] } = packet.decode(query);
    const [{ name, type }] = questions;
    const lower = name.toLowerCase();
    const data = lower === WITNESS ? WITNESS_ADDRESS : '192.0.2.1';
    const right = packet.encode({
      type: 'response',
      id,
      flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE,
      questions,
      answers: [
        { type: 'CNAME', name, ttl: 300, data: `alias.${name}` },
        { type: 'A', name, ttl: 300, data },
      ].slice(lower === WITNESS || type !== 'A' ? 1 : 0) as packet.Answer[],
      authorities: [{ type: 'NS', name: 'test', ttl: 300, data: 'ns.test' }],
    });
    if (lower !== this.next.name) return [right];
    return [mutate(right, this.next.mutation, this.next.start), right];
  }
}

function queryFor(name: string, id: number): Buffer {
  const flags = packet.RECURSION_DESIRED;
  return packet.encode({ type: 'query', id, flags, questions: [{ name, type: 'A' }] });
}
