/**
 * `pprof [ADDRESS] { block [RATE] }`: profiles of the running process at
 * http://ADDRESS/debug/pprof, `localhost:6053` unless said otherwise. The paths are those of Go
 * programs; the files are V8's, which Chrome's developer tools open. `block` is accepted and does
 * nothing: there are no locks to wait for in one thread.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Session } from 'node:inspector/promises';
import { type ListenAddress, readListenAddress } from '../config/listen-address.ts';
import { checkCount, readInteger, unknownOption } from '../config/values.ts';
import { HttpServer, sendText } from '../metrics/http-server.ts';
import type { Directive } from './directive.ts';

export interface PprofOptions {
  readonly address: ListenAddress;
}

const DEFAULT_ADDRESS: ListenAddress = { host: 'localhost', port: 6053, text: 'localhost:6053' };

/** How long to look, in seconds: `?seconds=`. */
const CPU_SECONDS = { default: 30, min: 1, max: 300 } as const;
const HEAP_SECONDS = { default: 10, min: 1, max: 300 } as const;

const INDEX = `Profiles of this process. Save one and open it in Chrome's developer tools.

/debug/pprof/profile?seconds=30   where CPU time goes: file name *.cpuprofile, tab Performance
/debug/pprof/heap?seconds=10      what allocates and stays: file name *.heapprofile, tab Memory
`;

export const pprof: Directive<PprofOptions> = {
  name: 'pprof',
  repeatable: false,

  parse([use]) {
    checkCount(use.name, use.args, { min: 0, max: 1 });
    for (const { words } of use.lines) {
      const [name, ...args] = words;
      if (name.text !== 'block') throw unknownOption('pprof', name);
      checkCount(name, args, { min: 0, max: 1 });
      if (args.length === 1) readInteger(args[0], { min: 0, max: Number.MAX_SAFE_INTEGER });
    }
    const address = use.args.length === 0 ? DEFAULT_ADDRESS : readListenAddress(use.args[0]);
    return Object.freeze({ address });
  },

  service({ address: { host, port, text } }, { parts }) {
    parts.take(
      `pprof ${text}`,
      // A profile is on its way for as long as it was asked to last: no time limit for answers.
      () => new HttpServer({ purpose: 'pprof', host, port, writeTimeoutMs: 0 }, createRoutes()),
    );
  },
};

function createRoutes() {
  const index = (_: IncomingMessage, response: ServerResponse) => sendText(response, 200, INDEX);
  // Two profiles at once would each hold the other's work.
  let isBusy = false;
  const profile =
    (bounds: typeof CPU_SECONDS | typeof HEAP_SECONDS, fileName: string, take: TakeProfile) =>
    async (request: IncomingMessage, response: ServerResponse) => {
      const seconds = readSeconds(request, bounds);
      if (seconds === null) {
        return sendText(response, 400, `seconds must be ${bounds.min} to ${bounds.max}\n`);
      }
      if (isBusy) return sendText(response, 503, 'another profile is being taken\n');
      isBusy = true;
      try {
        const text = JSON.stringify(await withSession((session) => take(session, seconds)));
        response.setHeader('content-disposition', `attachment; filename="${fileName}"`);
        response.setHeader('content-type', 'application/json');
        response.end(text);
      } finally {
        isBusy = false;
      }
    };
  return new Map([
    ['/debug/pprof', index],
    ['/debug/pprof/', index],
    ['/debug/pprof/profile', profile(CPU_SECONDS, 'nodelocaldns.cpuprofile', takeCpuProfile)],
    ['/debug/pprof/heap', profile(HEAP_SECONDS, 'nodelocaldns.heapprofile', takeHeapProfile)],
  ]);
}

/** The number of `?seconds=`, or its default; null when it is out of bounds. */
function readSeconds(
  request: IncomingMessage,
  bounds: { readonly default: number; readonly min: number; readonly max: number },
): number | null {
  const text = new URLSearchParams(request.url?.split('?')[1]).get('seconds');
  if (text === null) return bounds.default;
  const seconds = Number(text);
  return seconds >= bounds.min && seconds <= bounds.max ? seconds : null;
}

/** Looks for some seconds and returns what V8 saw. */
type TakeProfile = (session: Session, seconds: number) => Promise<unknown>;

const takeCpuProfile: TakeProfile = async (session, seconds) => {
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await sleep(seconds);
  return (await session.post('Profiler.stop')).profile;
};

const takeHeapProfile: TakeProfile = async (session, seconds) => {
  await session.post('HeapProfiler.startSampling');
  await sleep(seconds);
  return (await session.post('HeapProfiler.stopSampling')).profile;
};

async function withSession<T>(use: (session: Session) => Promise<T>): Promise<T> {
  // Loaded on the first request: the inspector takes memory that a node cache would rather not.
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  try {
    return await use(session);
  } finally {
    session.disconnect();
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000).unref());
}
