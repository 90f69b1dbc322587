/** A load of many names by dnsperf, and what it says of it. */
import type { Cluster } from './cluster.ts';

export interface LoadReport {
  readonly sent: number;
  readonly lost: number;
  /** Answers that are not NOERROR. */
  readonly refused: number;
  readonly text: string;
}

/** How long dnsperf waits for an answer. */
const TIMEOUT_SECONDS = 1;

/** Asks for `names` names of the cluster, one after the other, from the pod. */
export async function runDnsperf(
  { pod }: Cluster,
  options: { server: string; perSecond: number; seconds: number; names: number },
): Promise<LoadReport> {
  const { server, perSecond, seconds, names } = options;
  const lines = Array.from({ length: names }, (_, i) => `n${i}.load.cluster.local A\n`);
  const file = pod.file('names', lines.join(''));
  const running = pod.start([
    ...['dnsperf', '-s', server, '-d', file, '-t', `${TIMEOUT_SECONDS}`, '-c', '8'],
    ...['-Q', `${perSecond}`, '-l', `${seconds}`, '-O', 'suppress=timeout,unexpected'],
  ]);
  await running.ended;
  const text = running.output();
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const answered = number(/Queries completed: +(\d+)/);
  return {
    sent: number(/Queries sent: +(\d+)/),
    lost: number(/Queries lost: +(\d+)/),
    refused: answered - number(/NOERROR (\d+)/),
    text,
  };
}
