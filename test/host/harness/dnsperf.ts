/** A load of many names by dnsperf, and what it says of it. */
import type { Cluster } from './cluster.ts';

export interface LoadReport {
  readonly sent: number;
  readonly lost: number;
  /** Answers with another response code. */
  readonly notNoerror: number;
  readonly seconds: number;
}

/** How long dnsperf waits for an answer. */
const TIMEOUT_SECONDS = 1;
/** It is told to end sooner. */
const MAX_SECONDS = 100;

/** Asks for `names` names of the cluster, one after the other, from the pod, until `finish`. */
export function startDnsperf(
  { pod }: Cluster,
  options: { server: string; perSecond: number; names: number },
): { finish(): Promise<LoadReport> } {
  const { server, perSecond, names } = options;
  const lines = Array.from({ length: names }, (_, i) => `n${i}.load.cluster.local A\n`);
  const running = pod.start([
    ...['dnsperf', '-s', server, '-d', pod.file('names', lines.join(''))],
    ...['-t', `${TIMEOUT_SECONDS}`, '-c', '8', '-Q', `${perSecond}`, '-l', `${MAX_SECONDS}`],
  ]);
  return {
    async finish() {
      // It waits for the answers that are still to come, then reports.
      running.child.kill('SIGINT');
      await running.ended;
      return readReport(running.output());
    },
  };
}

function readReport(text: string): LoadReport {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const answered = number(/Queries completed: +(\d+)/);
  return {
    sent: number(/Queries sent: +(\d+)/),
    lost: number(/Queries lost: +(\d+)/),
    notNoerror: answered - number(/NOERROR (\d+)/),
    seconds: number(/Run time \(s\): +([\d.]+)/),
  };
}
