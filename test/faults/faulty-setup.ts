/** A daemon between scripted faults and the tests' clients. */
import { onTestFinished } from 'vitest';
import { startDaemon } from '../helpers/running-daemon.ts';
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
