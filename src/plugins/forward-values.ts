/** Reads those options of `forward` that take more than one word (spec §5.4). Throw CorefileError. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { CorefileError } from '../config/corefile-error.ts';
import type { Token } from '../config/token.ts';
import { checkCount, readDurationMs } from '../config/values.ts';
import { nameFromText } from '../dns/name.ts';
import { rcodeNumber } from '../dns/rcode.ts';
import type { HealthCheckOptions } from '../forward/health-check.ts';
import { addressText } from '../forward/upstream.ts';

const DNS_PORT = 53;
const MAX_PORT = 65_535;
const AT_LEAST_0 = { min: 0, max: Number.POSITIVE_INFINITY };

/** Health checks where the Corefile says nothing. */
export const HEALTH_CHECK: HealthCheckOptions = Object.freeze({
  intervalMs: 500,
  recursionDesired: true,
  domain: '.',
});

/** `health_check DURATION [no_rec] [domain FQDN]`; giving it starts from the defaults again. */
export function readHealthCheck(option: Token, values: readonly Token[]): HealthCheckOptions {
  checkCount(option, values, { min: 1, max: Number.POSITIVE_INFINITY });
  const [duration, ...words] = values;
  let { recursionDesired, domain } = HEALTH_CHECK;
  for (let i = 0; i < words.length; i++) {
    if (words[i].text === 'no_rec') {
      recursionDesired = false;
    } else if (words[i].text === 'domain') {
      checkCount(words[i], words.slice(i + 1, i + 2), { min: 1, max: 1 });
      domain = readDomain(words[++i]);
    } else {
      throw new CorefileError(
        'unknown-option',
        `health_check: unknown option ${words[i].text}`,
        words[i],
      );
    }
  }
  const intervalMs = readDurationMs(duration, AT_LEAST_0);
  return Object.freeze({ intervalMs, recursionDesired, domain });
}

function readDomain(word: Token): string {
  if (nameFromText(word.text) === null) {
    const message = `health_check: invalid domain name ${word.text}`;
    throw new CorefileError('argument-value', message, word);
  }
  const domain = word.text.toLowerCase();
  return domain.endsWith('.') ? domain : `${domain}.`;
}

/** `tls [CERT KEY] [CA]`: the contents of the files. */
export function readTlsFiles(
  option: Token,
  values: readonly Token[],
): { certificate: Buffer | null; key: Buffer | null; authorities: Buffer | null } {
  checkCount(option, values, { min: 0, max: 3 });
  const contents = values.map(readContents);
  const [certificate, key] = contents.length >= 2 ? contents : [null, null];
  return {
    certificate,
    key,
    authorities: contents.length % 2 === 1 ? contents[contents.length - 1] : null,
  };
}

function readContents(word: Token): Buffer {
  try {
    return readFileSync(word.text);
  } catch (cause) {
    throw new CorefileError('file', `tls: reading "${word.text}" did not work`, word, cause);
  }
}

/** `IP` or `IP:port` of a name server, as `IP:port`. */
export function readResolver(word: Token): string {
  const [, bracketed, plain = '', digits] =
    /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(word.text) ?? [];
  const isBare = isIP(word.text) !== 0;
  const address = isBare ? word.text : (bracketed ?? plain);
  const port = isBare ? DNS_PORT : Number(digits);
  const isRight = isIP(address) === (address.includes(':') ? 6 : 4);
  if (
    isRight &&
    (bracketed === undefined || isIP(address) === 6) &&
    port >= 1 &&
    port <= MAX_PORT
  ) {
    return addressText(address, port);
  }
  const message = `resolver must be an IP address, port optional: "${word.text}"`;
  throw new CorefileError('argument-value', message, word);
}

/** Response codes by name: one at least. */
export function readRcodes(option: Token, values: readonly Token[]): number[] {
  checkCount(option, values, { min: 1, max: Number.POSITIVE_INFINITY });
  return values.map((value) => {
    const rcode = rcodeNumber(value.text);
    if (rcode !== undefined) return rcode;
    throw new CorefileError('argument-value', `${value.text} is not a valid rcode`, value);
  });
}
