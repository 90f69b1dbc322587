/** Reads what a load recorded. */
import { FROM_CACHE, FROM_KUBE_DNS } from './cluster.ts';
import type { LoadRecord } from './load.ts';

/** Milliseconds after `momentMs` (Unix time) of the last query that nobody answered; 0: none. */
export function gapAfterMs(records: readonly LoadRecord[], momentMs: number): number {
  const lost = records.filter(({ tookMs, sentMs }) => tookMs === null && sentMs > momentMs);
  return Math.max(0, ...lost.map(({ sentMs }) => sentMs - momentMs));
}

/** How many queries sent in a span of Unix time were answered by whom. */
export function countAnswers(
  records: readonly LoadRecord[],
  fromMs = 0,
  toMs = Number.POSITIVE_INFINITY,
): { cache: number; kubeDns: number; lost: number } {
  const sent = records.filter(({ sentMs }) => sentMs >= fromMs && sentMs < toMs);
  const by = (answer: string) => sent.filter((record) => record.answer === answer).length;
  return {
    cache: by(FROM_CACHE),
    kubeDns: by(FROM_KUBE_DNS),
    lost: sent.filter(({ tookMs }) => tookMs === null).length,
  };
}

export function unixMs(): number {
  return performance.timeOrigin + performance.now();
}
