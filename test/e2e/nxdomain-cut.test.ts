/** The questions of pods, put to a daemon with `nxdomain_cut` and to one without. */
import { createSocket, type Socket } from 'node:dgram';
import packet from 'dns-packet';
import { expect, onTestFinished, test } from 'vitest';
import { askCluster, DOMAIN, type PodQuestion, podLookups } from '../helpers/cluster-names.ts';
import { askUdp } from '../helpers/dns-client.ts';
import { freePort } from '../helpers/free-port.ts';
import { startDaemon } from '../helpers/running-daemon.ts';

const LOOKUPS = 400;

test('answers are the same, octet for octet but for TTLs, with three fifths fewer questions upstream', async () => {
  const [cut, plain] = [await startPair('nxdomain_cut'), await startPair('')];
  let questions = 0;
  for (const lookup of podLookups(LOOKUPS, 7)) {
    questions += lookup.length;
    // As a resolver does: A and AAAA at once, and then the next suffix.
    for (let i = 0; i < lookup.length; i += 2) {
      const pair = lookup.slice(i, i + 2);
      const [ours, theirs] = await Promise.all([cut.askAll(pair), plain.askAll(pair)]);
      expect(ours).toEqual(theirs);
    }
  }
  const [fewer, all] = [cut.upstream.count, plain.upstream.count];
  console.log(`${questions} questions: ${all} upstream without the cut, ${fewer} with it`);
  expect(fewer).toBeLessThanOrEqual(0.4 * all);
});

/** A daemon with an upstream of its own. */
async function startPair(option: string) {
  const upstream = await ClusterUpstream.start();
  const corefile = `${DOMAIN}:{PORT} {
    bind 127.0.0.1
    cache {
        success 9984 30
        denial 9984 5
        ${option}
    }
    forward . 127.0.0.1:${upstream.port}
}
`;
  const daemon = await startDaemon({ corefile });
  const askAll = (questions: readonly PodQuestion[]) =>
    Promise.all(
      questions.map(async ({ name, type }) => {
        const reply = await askUdp(daemon.ports.dns, queryFor(name, type));
        return reply === null ? null : withoutTtls(packet.decode(reply));
      }),
    );
  return { upstream, askAll };
}

function queryFor(name: string, type: 'A' | 'AAAA'): Buffer {
  const flags = packet.RECURSION_DESIRED;
  return packet.encode({ type: 'query', id: 1, flags, questions: [{ name, type }] });
}

function withoutTtls({ flags, questions, answers, authorities, additionals }: packet.Packet) {
  const bare = (records: packet.Answer[] = []) =>
    records.map((record) => ({ ...record, ttl: undefined }));
  return {
    flags,
    questions,
    answers: bare(answers),
    authorities: bare(authorities),
    additionals: bare(additionals),
  };
}

/** Answers over UDP as kube-dns does, and counts. */
class ClusterUpstream {
  count = 0;
  readonly #socket: Socket;

  static async start(): Promise<ClusterUpstream> {
    const socket = createSocket('udp4');
    const port = await freePort();
    await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    return new ClusterUpstream(socket);
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message, from) => {
      this.count++;
      socket.send(answerTo(packet.decode(message)), from.port, from.address);
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }
}

function answerTo(query: packet.DecodedPacket): Buffer {
  const [{ name, type }] = query.questions ?? [];
  const { exists, address } = askCluster(name.toLowerCase(), type);
  const data = { mname: 'ns.dns', rname: 'hostmaster', serial: 1, minimum: 5 };
  return packet.encode({
    type: 'response',
    id: query.id,
    flags: packet.AUTHORITATIVE_ANSWER | packet.RECURSION_DESIRED | (exists ? 0 : 3),
    questions: query.questions,
    answers: address === null ? [] : [{ type: 'A', name, ttl: 5, data: address }],
    authorities: address === null ? [{ type: 'SOA', name: DOMAIN, ttl: 5, data }] : [],
  });
}
