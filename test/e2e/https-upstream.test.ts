import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { CERTIFICATE, KEY } from '../helpers/certificate.ts';
import { COREFILE, startDaemon } from '../helpers/running-daemon.ts';

/** A reload is in force; on a busy machine a little later. */
const SOON = { timeout: 15_000 };

/** Answers every question sent to /dns-query with no records. Resolves to its port. */
async function startServer(): Promise<number> {
  const server = createSecureServer({ key: KEY, cert: CERTIFICATE }, async (request, response) => {
    const reply = Buffer.concat(await request.toArray());
    reply[2] |= 0x80;
    const isRight = request.method === 'POST' && request.url === '/dns-query';
    response.writeHead(isRight ? 200 : 404, { 'content-type': 'application/dns-message' });
    response.end(reply);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('an upstream over HTTPS answers, checked by the name in its certificate', async () => {
  const port = await startServer();
  const daemon = await startDaemon();
  await daemon.writeFile('ca.crt', CERTIFICATE);
  const forwardWith = (name: string) =>
    COREFILE.replace(
      /forward.*/,
      `forward . https://127.0.0.1:${port} {\ntls ca.crt\ntls_servername ${name}\n}`,
    );
  const reloadWith = async (name: string) => {
    await daemon.writeCorefile(forwardWith(name));
    daemon.process.child.kill('SIGUSR1');
    await daemon.process.untilOutput(`tls_servername ${name}`);
    await daemon.process.untilOutput('Reloading complete');
  };
  await reloadWith('dns.test');
  await expect.poll(() => daemon.ask('b.example', 'A'), SOON).toMatchObject({ rcode: 'NOERROR' });
  expect(await daemon.ask('c.example', 'A', { transport: 'tcp' })).toMatchObject({
    rcode: 'NOERROR',
  });
  expect(await daemon.scrape()).toMatch(
    new RegExp(
      `conn_cache_misses_total{proto="https",proxy_name="forward",to="127.0.0.1:${port}"} 1$`,
      'm',
    ),
  );
  await reloadWith('other.test');
  await expect.poll(() => daemon.ask('d.example', 'A'), SOON).toMatchObject({ rcode: 'SERVFAIL' });
  expect(daemon.process.output).toMatch(/d\.example\. A: .*https 127\.0\.0\.1:\d+: .*other\.test/);
});
