import { request } from 'node:https';
import { expect, test } from 'vitest';
import { CERTIFICATE, KEY } from '../helpers/certificate.ts';
import { COREFILE, startDaemon } from '../helpers/running-daemon.ts';

const CONFIG = 'tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n';

/** The metrics over HTTPS with at most this version of TLS; null when there is no connection. */
function scrape(port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> {
  return new Promise((resolve) => {
    const trust = { ca: CERTIFICATE, servername: 'dns.test', agent: false };
    const sent = request({ port, path: '/metrics', maxVersion, ...trust }, async (response) => {
      resolve((await response.setEncoding('utf8').toArray()).join(''));
    });
    sent.on('error', () => resolve(null));
    sent.end();
  });
}

test('metrics are served over HTTPS, and the files that say how are followed', async () => {
  const daemon = await startDaemon();
  await daemon.writeFile('server.crt', CERTIFICATE);
  await daemon.writeFile('server.key', KEY);
  await daemon.writeFile('web.yml', CONFIG);
  await daemon.writeCorefile(COREFILE.replace('{METRICS}', '{METRICS} {\ntls web.yml\n}'));
  daemon.process.child.kill('SIGUSR1');
  await daemon.process.untilOutput('Reloading complete');
  const { metrics } = daemon.ports;
  expect(await scrape(metrics, 'TLSv1.2'), daemon.process.output).toContain('coredns_build_info');
  await daemon.writeFile('web.yml', `${CONFIG}  min_version: TLS13\n`);
  await expect.poll(() => scrape(metrics, 'TLSv1.2'), { timeout: 15_000 }).toBeNull();
  expect(await scrape(metrics, 'TLSv1.3')).toContain('coredns_build_info');
  await daemon.writeFile('server.key', 'no key');
  await daemon.process.untilOutput('certificate and key cannot be used');
  expect(await scrape(metrics, 'TLSv1.3')).toMatch(/^coredns_reload_failed_total [1-9]/m);
});
