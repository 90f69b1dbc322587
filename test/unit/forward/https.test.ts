/** DNS over HTTPS towards a server with a certificate of its own making, for dns.test only. */
import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readUint16 } from '../../../src/dns/header.ts';
import { TYPE_NS } from '../../../src/dns/type.ts';
import type { HttpsOptions } from '../../../src/forward/dial.ts';
import { buildQuestion } from '../../../src/forward/prober.ts';
import type { Upstream } from '../../../src/forward/upstream.ts';
import { CERTIFICATE, KEY } from '../../helpers/certificate.ts';
import { makeQuery } from '../../helpers/queries.ts';
import { FakeClock, makeUpstream, startAttempt } from '../../helpers/upstreams.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly id: number;
}

type Behaviour = (message: Buffer, response: Http2ServerResponse) => void;

/** Sends the question back as a response. */
const echo: Behaviour = (message, response) => {
  const reply = Buffer.from(message);
  reply[2] |= 0x80;
  response.writeHead(200, { 'content-type': 'application/dns-message' });
  response.end(reply);
};

let server: Http2SecureServer;
let upstream: Upstream;
let clock: FakeClock;
let asked: Asked[];
let sessions: ServerHttp2Session[];
let behave: Behaviour;

beforeEach(async () => {
  [asked, sessions, behave, clock] = [[], [], echo, new FakeClock()];
  server = createSecureServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    void serve(request, response);
  });
  server.on('session', (session) => sessions.push(session));
  server.on('tlsClientError', () => {});
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  await upstream.stop();
  for (const session of sessions) session.destroy();
  server.close();
});

async function serve(request: Http2ServerRequest, response: Http2ServerResponse) {
  const { method, url } = request;
  const chunks = await request.toArray();
  const [path, query] = url.split('?dns=');
  const message = method === 'GET' ? Buffer.from(query, 'base64url') : Buffer.concat(chunks);
  const type = request.headers['content-type'];
  asked.push({ method, path, type, id: readUint16(message, 0) });
  behave(message, response);
}

function connectTo(
  https: Partial<HttpsOptions> = {},
  { serverName = 'dns.test', port = (server.address() as AddressInfo).port, idleMs = 10_000 } = {},
) {
  const authorities = Buffer.from(CERTIFICATE);
  upstream = makeUpstream(
    port,
    {
      target: {
        ...{ address: '127.0.0.1', port, sourceAddress: '' },
        tls: { serverName, certificate: null, key: null, authorities },
        https: { path: '/dns-query', method: 'POST', ...https },
      },
      limits: { kept: 2, idleMs, maxAgeMs: 60_000 },
    },
    clock,
  );
}

const ask = (name = 'a.test') =>
  startAttempt(upstream, upstream.exchange('udp'), makeQuery(name), clock).ended;

describe('an upstream over HTTPS', () => {
  it('is asked by POST, over one connection, with ID 0', async () => {
    connectTo();
    const ends = await Promise.all([ask('a.test'), ask('b.test'), ask('c.test')]);
    expect(ends.map(({ error }) => error)).toEqual(['', '', '']);
    expect(asked).toHaveLength(3);
    const type = 'application/dns-message';
    expect(asked[0]).toEqual({ method: 'POST', path: '/dns-query', type, id: 0 });
    expect(sessions).toHaveLength(1);
    expect(upstream.counters.reuse.https).toEqual({ hits: 2, misses: 1 });
    expect(upstream.counters.sockets.https).toBe(1);
    expect(upstream.exchange('tcp').protocol).toBe('https');
  });

  it('is asked by GET, at a path of its own', async () => {
    connectTo({ method: 'GET', path: '/family' });
    expect((await ask()).answer).not.toBeNull();
    expect(asked).toEqual([{ method: 'GET', path: '/family', type: undefined, id: 0 }]);
  });

  it.each<[string, Behaviour, string]>([
    ['another status', (_, response) => response.writeHead(503).end('no'), 'HTTP status 503'],
    [
      'another content type',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      'content type "text/html"',
    ],
    [
      'another question',
      (message, response) => {
        const other = Buffer.from(message);
        other[13] ^= 1;
        echo(other, response);
      },
      'the response is no answer to the question',
    ],
    [
      'no message',
      (_, response) =>
        response.writeHead(200, { 'content-type': 'application/dns-message' }).end('x'),
      'the response is no answer to the question',
    ],
    [
      'more than a message',
      (_, response) =>
        response
          .writeHead(200, { 'content-type': 'application/dns-message' })
          .end(Buffer.alloc(70_000)),
      '',
    ],
    ['a broken stream', (_, response) => response.stream.close(2), ''],
    ['a broken connection', (_, response) => response.stream.session?.destroy(), ''],
  ])('fails with %s', async (_, behaviour, why) => {
    connectTo();
    behave = behaviour;
    const { answer, error } = await ask();
    expect(answer).toBeNull();
    expect(error).toContain(`https ${upstream.to}: ${why}`);
    // What comes next is not hurt by it.
    behave = echo;
    expect((await ask('b.test')).answer).not.toBeNull();
  });

  it('fails when its certificate is for another name, or it is not there', async () => {
    connectTo({}, { serverName: 'other.test' });
    expect((await ask()).answer).toBeNull();
    await upstream.stop();
    connectTo({}, { port: 1 });
    expect((await ask()).error).toContain('connection refused');
  });

  it('fails when it does not speak HTTP/2', async () => {
    const plain = createTlsServer({ key: KEY, cert: CERTIFICATE }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    plain.on('tlsClientError', () => {});
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    connectTo({}, { port: (plain.address() as AddressInfo).port });
    expect((await ask()).answer).toBeNull();
    plain.close();
  });

  it('has a new connection when the old one is old, is going away, or was silent', async () => {
    connectTo();
    await ask();
    clock.ms += 80_000;
    await ask();
    expect(sessions).toHaveLength(2);
    sessions[1].close();
    await vi.waitFor(() => expect(upstream.counters.sockets.https).toBe(0));
    await ask();
    expect(sessions).toHaveLength(3);
    behave = () => {};
    clock.ms += 1;
    const { attempt } = startAttempt(
      upstream,
      upstream.exchange('udp'),
      makeQuery('a.test'),
      clock,
    );
    await vi.waitFor(() => expect(asked).toHaveLength(4));
    upstream.exchange('udp').missed(attempt);
    behave = echo;
    expect((await ask()).answer).not.toBeNull();
    expect(sessions).toHaveLength(4);
  });

  it('gives its connection up when nobody uses it', async () => {
    connectTo({}, { idleMs: 50 });
    await ask();
    await vi.waitFor(() => expect(upstream.counters.sockets.https).toBe(0), { timeout: 5000 });
  });

  it('lets go of an attempt that nobody waits for', async () => {
    connectTo();
    behave = () => {};
    const { attempt, ended } = startAttempt(
      upstream,
      upstream.exchange('udp'),
      makeQuery('a.test'),
      clock,
    );
    let isTold = false;
    void ended.then(() => {
      isTold = true;
    });
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    attempt.forget();
    behave = echo;
    expect((await ask('b.test')).answer).not.toBeNull();
    expect(isTold).toBe(false);
  });

  it('answers what is under way when it is closed', async () => {
    connectTo();
    await ask();
    behave = (message, response) => setTimeout(() => echo(message, response), 50);
    const ended = ask('b.test');
    await upstream.stop();
    expect((await ended).error).toBe('');
  });

  it('is probed over HTTPS', async () => {
    connectTo();
    const question = buildQuestion('.', TYPE_NS, true) ?? Buffer.alloc(0);
    const probe = () =>
      new Promise<boolean>((resolve) => void upstream.prober.ask(question, resolve));
    expect(await probe()).toBe(true);
    expect(asked).toMatchObject([{ method: 'POST', id: 0 }]);
    behave = (_, response) => response.writeHead(500).end();
    expect(await probe()).toBe(false);
  });
});
