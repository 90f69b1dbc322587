/** A daemon between scripted faults and the tests' clients. */
import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';
import { type Faults, FaultyUpstream } from './faulty-upstream.ts';

/** Upstreams that end with the test. */
export async function upstreams(...faults: Partial<Faults>[]): Promise<FaultyUpstream[]> {
  const started = await Promise.all(
    faults.map((fault, index) => new FaultyUpstream(fault, index + 1).start()),
  );
  onTestFinished(async () => {
    await Promise.all(started.map((upstream) => upstream.stop()));
  });
  return started;
}

/** A daemon in front of them, with one option of `forward`. */
export function daemonFor(ups: readonly FaultyUpstream[], option = '', cache = 'cache 30') {
  const to = ups.map(({ port }) => `127.0.0.1:${port}`).join(' ');
  const options = option === '' ? '' : ` {\n        ${option}\n    }`;
  return startDaemon({
    corefile: `.:{PORT} {
    errors
    ${cache}
    bind 127.0.0.1
    forward . ${to}${options}
    prometheus 127.0.0.1:{METRICS}
}
`,
  });
}

/** Resident memory of a process in MB: now, or the most it ever had. */
export function residentMb(daemon: RunningDaemon, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const status = readFileSync(`/proc/${daemon.process.child.pid}/status`, 'utf8');
  return (Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))?.[1]) * 1024) / 1e6;
}

/** What the daemon holds when it has given back what only its start needed. */
export async function settledMb(daemon: RunningDaemon): Promise<number> {
  await expect.poll(() => residentMb(daemon), { timeout: 30_000, interval: 100 }).toBeLessThan(60);
  return residentMb(daemon);
}

/** Looks at the resident memory of a process in short intervals, until the test is over. */
export function watchMemory(daemon: RunningDaemon): { readonly mostMb: number } {
  const seen = { mostMb: 0 };
  const timer = setInterval(() => {
    if (daemon.process.exit === null) seen.mostMb = Math.max(seen.mostMb, residentMb(daemon));
  }, 100);
  onTestFinished(() => clearInterval(timer));
  return seen;
}

/** Share of the time in which a busy machine kept the daemon waiting; above it times say nothing. */
const MAX_STARVED = 0.15;

/** Tells, when it is called, whether the daemon had a processor when it wanted one since now. */
export function watchStarvation(daemon: RunningDaemon): () => boolean {
  const { pid } = daemon.process.child;
  const waitedMs = () =>
    Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  const [startMs, waitedBeforeMs] = [performance.now(), waitedMs()];
  return () => {
    const share = (waitedMs() - waitedBeforeMs) / (performance.now() - startMs);
    if (share > MAX_STARVED) {
      console.log(`${(100 * share).toFixed(0)} % of the time the daemon waited for a processor`);
    }
    return share > MAX_STARVED;
  };
}
