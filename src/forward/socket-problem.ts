/** Errors of the operating system in the words that Go programs log, which people search for. */
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';

/** The words for an error of node:net or node:dgram. */
export function describe(error: Error & { code?: string }): string {
  return wordsFor(error.code) ?? error.message;
}

/** The words for an errno. */
export function describeErrno(errno: number): string {
  return wordsFor(getSystemErrorName(-errno)) ?? getSystemErrorMessage(-errno);
}

/**
 * How old a connection or port is that something went wrong on, for behind its upstream's name. Young
 * ones and old ones break for different reasons.
 */
export function ageText(openedAtMs: number, nowMs: number): string {
  const ageMs = Math.max(0, Math.round(nowMs - openedAtMs));
  return ageMs < 10_000 ? ` (open for ${ageMs}ms)` : ` (open for ${Math.round(ageMs / 1000)}s)`;
}

function wordsFor(code: string | undefined): string | null {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'connection reset by peer';
    case 'EHOSTUNREACH':
      return 'no route to host';
    case 'ENETUNREACH':
      return 'network is unreachable';
    case 'ETIMEDOUT':
      return 'i/o timeout';
    default:
      return null;
  }
}
