/**
 * The file behind `prometheus { tls FILE }`: Prometheus' own form for servers of metrics
 * (https://prometheus.io/docs/prometheus/latest/configuration/https/), of which the section that
 * says with what certificate to serve is understood.
 *
 *   tls_server_config:
 *     cert_file: server.crt
 *     key_file: server.key
 *     client_auth_type: RequireAndVerifyClientCert
 *     client_ca_file: ca.crt
 *     min_version: TLS13
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { textVersion } from '../config/watch.ts';
import { CLIENT_AUTH_TYPES, type ClientAuthType, type HttpTls } from '../metrics/http-tls.ts';

/** What was read, and from which files, for following them. */
export interface WebConfig {
  readonly tls: HttpTls;
  /** Versions as `contentVersion` has them. */
  readonly sources: readonly { readonly path: string; readonly version: string }[];
}

const SECTION = 'tls_server_config';
const KEYS: readonly string[] = [
  'cert_file',
  'key_file',
  'client_auth_type',
  'client_ca_file',
  'min_version',
];
const VERSIONS: ReadonlyMap<string, HttpTls['minVersion']> = new Map([
  ['TLS12', 'TLSv1.2'],
  ['TLS13', 'TLSv1.3'],
]);

/** Reads the file a word names, and the files named there. Throws CorefileError. */
export function readWebConfig(word: Token): WebConfig {
  const sources: { path: string; version: string }[] = [];
  const read = (path: string): Buffer => {
    try {
      const content = readFileSync(path);
      sources.push({ path, version: textVersion(content.toString('utf8')) });
      return content;
    } catch (cause) {
      throw new CorefileError('file', `tls: reading "${path}" did not work`, word, cause);
    }
  };
  const values = parseWebConfig(read(word.text).toString('utf8'), word);
  // Names of files are relative to the file they are in.
  const readNamed = (key: string) => {
    const name = values.get(key);
    return name === undefined ? null : read(resolve(dirname(word.text), name));
  };
  const [certificate, key] = [readNamed('cert_file'), readNamed('key_file')];
  if (certificate === null || key === null) {
    throw wrong(word, `${SECTION} needs cert_file and key_file`);
  }
  const tls = {
    ...{ certificate, key },
    authorities: readNamed('client_ca_file'),
    clientAuth: readClientAuth(values.get('client_auth_type') ?? 'NoClientCert', word),
    minVersion: readVersion(values.get('min_version') ?? 'TLS12', word),
  };
  if (tls.authorities !== null && tls.clientAuth === 'NoClientCert') {
    throw wrong(word, 'client_ca_file is of no use without client_auth_type');
  }
  try {
    createSecureContext({
      cert: certificate,
      key,
      ...(tls.authorities && { ca: tls.authorities }),
    });
  } catch (cause) {
    throw wrong(word, `certificate and key cannot be used: ${cause}`, cause);
  }
  return Object.freeze({ tls: Object.freeze(tls), sources });
}

/** The section's keys and values: YAML, but only as much of it as that takes. */
function parseWebConfig(text: string, word: Token): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  text.split('\n').forEach((line, index) => {
    const place = `line ${index + 1}`;
    if (/^\s*(#.*)?$/.test(line) || /^---\s*$/.test(line)) return;
    const section = /^(\w+):\s*(#.*)?$/.exec(line)?.[1];
    if (section === SECTION) return;
    if (section !== undefined) throw wrong(word, `${place}: "${section}" is not known here`);
    const found = /^\s+(\w+):\s+(?:"([^"]*)"|'([^']*)'|([^\s#"'][^#]*?))\s*(?:\s#.*)?$/.exec(line);
    if (found === null) throw wrong(word, `${place}: "${line.trim()}" is not "key: value"`);
    const [, key, doubleQuoted, singleQuoted, plain] = found;
    if (!KEYS.includes(key)) throw wrong(word, `${place}: "${key}" is not known here`);
    values.set(key, doubleQuoted ?? singleQuoted ?? plain);
  });
  return values;
}

function readClientAuth(text: string, word: Token): ClientAuthType {
  const known = CLIENT_AUTH_TYPES.find((name) => name === text);
  if (known !== undefined) return known;
  throw wrong(word, `client_auth_type "${text}" is not one of ${CLIENT_AUTH_TYPES.join(', ')}`);
}

function readVersion(text: string, word: Token): HttpTls['minVersion'] {
  const known = VERSIONS.get(text);
  if (known !== undefined) return known;
  throw wrong(word, `min_version "${text}" is not one of ${[...VERSIONS.keys()].join(', ')}`);
}

function wrong(word: Token, why: string, cause?: unknown): CorefileError {
  return new CorefileError('argument-value', `tls: ${word.text}: ${why}`, word, cause);
}
