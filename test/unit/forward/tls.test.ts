/** DNS over TLS towards a server with a certificate of its own making, for dns.test only. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FrameReader, frame } from '../../../src/dns/framing.ts';
import type { TlsOptions } from '../../../src/forward/dial.ts';
import type { Upstream } from '../../../src/forward/upstream.ts';
import { CERTIFICATE, KEY } from '../../helpers/certificate.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { makeUpstream, startAttempt } from '../../helpers/upstreams.ts';

let server: Server;
let upstream: Upstream;
/** For each handshake, whether it took up an earlier session. */
let resumed: boolean[] = [];

beforeEach(async () => {
  resumed = [];
  server = createServer({ key: KEY, cert: CERTIFICATE }, (socket) => {
    resumed.push(socket.isSessionReused());
    const frames = new FrameReader((chunk, start, end) => {
      const reply = Buffer.from(chunk.subarray(start, end));
      reply[2] |= 0x80;
      socket.write(frame(reply));
    });
    socket.on('data', (chunk: Buffer) => frames.push(chunk));
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  await upstream.stop();
  server.close();
});

function makeTls(options: Partial<TlsOptions> = {}): Upstream {
  const tls = {
    serverName: 'dns.test',
    certificate: null,
    key: null,
    authorities: Buffer.from(CERTIFICATE),
    ...options,
  };
  const { port } = server.address() as AddressInfo;
  return makeUpstream(port, {
    target: { address: '127.0.0.1', port, sourceAddress: '', tls },
    limits: { kept: 2, idleMs: 10_000, maxAgeMs: 60_000 },
  });
}

const ask = (name: string) =>
  startAttempt(upstream, upstream.exchange('udp'), makeQuery(name)).ended;

describe('tls upstream', () => {
  it('is asked over TLS whatever the client used, many queries over one connection', async () => {
    upstream = makeTls();
    const ends = await Promise.all(['a.test.', 'b.test.', 'c.test.'].map(ask));
    expect(ends.map(({ answer }) => answer?.rcode)).toEqual([0, 0, 0]);
    expect(upstream.counters.reuse['tcp-tls']).toEqual({ hits: 2, misses: 1 });
    expect(resumed).toEqual([false]);
  });

  it('takes up its session again on the next connection', async () => {
    upstream = makeTls();
    await ask('a.test.');
    // TLS 1.3 sends the session behind the handshake, so with or before the first answer.
    upstream.exchange('tcp').close();
    await ask('b.test.');
    expect(resumed).toEqual([false, true]);
  });

  it('refuses a certificate that nobody it trusts has signed', async () => {
    upstream = makeTls({ authorities: null });
    expect(await ask('a.test.')).toMatchObject({ answer: null });
  });

  it('refuses a certificate for another name', async () => {
    upstream = makeTls({ serverName: 'other.test' });
    expect((await ask('a.test.')).error).toContain('other.test');
  });

  it('is healthy when it answers over TLS', async () => {
    upstream = makeTls();
    upstream.check();
    while (upstream.isSuspect) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(upstream.lastHeardAtMs).toBeGreaterThan(0);
    expect(upstream.counters.healthCheckFailures).toBe(0);
  });
});
