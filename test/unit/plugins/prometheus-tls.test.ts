import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prometheus } from '../../../src/plugins/prometheus.ts';
import { CERTIFICATE, KEY } from '../../helpers/certificate.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { freePort } from '../../helpers/free-port.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
  writeFileSync(join(folder, 'server.crt'), CERTIFICATE);
  writeFileSync(join(folder, 'server.key'), KEY);
  writeFileSync(join(folder, 'ca.crt'), CERTIFICATE);
  writeFileSync(join(folder, 'other.crt'), 'no certificate');
});

afterEach(() => rmSync(folder, { recursive: true }));

const PAIR = 'tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n';

/** The directive with a web configuration file of this text. */
function withConfig(text: string, address = ''): string {
  writeFileSync(join(folder, 'web.yml'), text);
  return `prometheus ${address} {\ntls ${join(folder, 'web.yml')}\n}`;
}

describe('the web configuration file', () => {
  test('names certificate and key, relative to itself; all that was read is followed', () => {
    const { webConfig } = parseWith(prometheus, withConfig(PAIR));
    expect(webConfig?.tls).toEqual({
      certificate: Buffer.from(CERTIFICATE),
      key: Buffer.from(KEY),
      authorities: null,
      clientAuth: 'NoClientCert',
      minVersion: 'TLSv1.2',
    });
    expect(webConfig?.sources.map(({ path }) => path.slice(folder.length))).toEqual([
      '/web.yml',
      '/server.crt',
      '/server.key',
    ]);
  });

  test('may hold comments, quotes and all that clients must show', () => {
    const text = `---
# who may scrape
tls_server_config: # this
    cert_file: "server.crt"   # relative
    key_file: '${folder}/server.key'
    client_auth_type: RequireAndVerifyClientCert

    client_ca_file: ca.crt
    min_version: TLS13
`;
    expect(parseWith(prometheus, withConfig(text)).webConfig?.tls).toMatchObject({
      authorities: Buffer.from(CERTIFICATE),
      clientAuth: 'RequireAndVerifyClientCert',
      minVersion: 'TLSv1.3',
    });
  });

  test.each([
    ['', 'argument-value'],
    ['tls_server_config:\n  cert_file: server.crt\n', 'argument-value'],
    [`${PAIR}  cert_file: nowhere.crt\n`, 'file'],
    [`${PAIR}  cert_file: other.crt\n`, 'argument-value'],
    [`${PAIR}  client_auth_type: Sometimes\n`, 'argument-value'],
    [`${PAIR}  client_ca_file: ca.crt\n`, 'argument-value'],
    [`${PAIR}  min_version: SSL30\n`, 'argument-value'],
    [`${PAIR}  cipher_suites:\n`, 'argument-value'],
    [`${PAIR}basic_auth_users:\n  alice: x\n`, 'argument-value'],
    [`${PAIR}what is this\n`, 'argument-value'],
  ])('%j is refused: %s', (text, code) => {
    expect(codeOf(prometheus, withConfig(text))).toBe(code);
  });

  test('must be there, and named once', () => {
    expect(codeOf(prometheus, 'prometheus {\ntls /nonexistent/web.yml\n}')).toBe('file');
    expect(codeOf(prometheus, 'prometheus {\ntls\n}')).toBe('argument-count');
    expect(codeOf(prometheus, 'prometheus {\ntls a b\n}')).toBe('argument-count');
  });
});

describe('the page', () => {
  const CLIENT = { cert: CERTIFICATE, key: KEY };
  /** Starts the page with one more line; the status that clients get, null for no connection. */
  async function scrape(line: string, clients: object[]): Promise<(number | null)[]> {
    const port = await freePort();
    const { context, generation, lines } = makeContext();
    const text = withConfig(`${PAIR}${line}`, `127.0.0.1:${port}`);
    prometheus.service?.(parseWith(prometheus, text), context);
    await generation.start();
    const statuses = [];
    for (const client of clients) statuses.push(await get(port, client));
    await generation.stop();
    expect(lines).toEqual([]);
    return statuses;
  }

  function get(port: number, client: object): Promise<number | null> {
    return new Promise((resolve) => {
      const options = {
        port,
        path: '/metrics',
        ca: CERTIFICATE,
        servername: 'dns.test',
        ...client,
      };
      const sent = request({ ...options, agent: false }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? null));
      });
      sent.on('error', () => resolve(null));
      sent.end();
    });
  }

  test.each([
    ['', [200, 200]],
    ['  client_auth_type: RequestClientCert\n', [200, 200]],
    ['  client_auth_type: RequireAnyClientCert\n', [null, 200]],
    ['  client_auth_type: VerifyClientCertIfGiven\n', [200, null]],
    ['  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n', [200, 200]],
    ['  client_auth_type: RequireAndVerifyClientCert\n', [null, null]],
    ['  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n', [null, 200]],
  ])('with %j, without and with a certificate: %j', async (line, statuses) => {
    expect(await scrape(line, [{}, CLIENT])).toEqual(statuses);
  });

  test('speaks no older version than it was told, and no plain HTTP', async () => {
    const line = '  min_version: TLS13\n';
    expect(await scrape(line, [{ maxVersion: 'TLSv1.2' }, {}])).toEqual([null, 200]);
    const port = await freePort();
    const { context, generation } = makeContext();
    const text = withConfig(PAIR, `127.0.0.1:${port}`);
    prometheus.service?.(parseWith(prometheus, text), context);
    await generation.start();
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
    await generation.stop();
  });
});
