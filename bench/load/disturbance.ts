/** What a node does to a daemon while it serves: Prometheus asks for metrics, its Corefile changes. */
import { appendFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const SCRAPE_INTERVAL_MS = 1000;
/** Of scrapes. */
const RELOAD_EVERY = 5;

export interface Disturbance {
  /** Ends it. Rejects when no reload came into force: then little was disturbed. */
  stop(): Promise<void>;
}

/**
 * Scrapes `metricsPort` of 127.0.0.1 each second and adds a server block to the Corefile each 5 s.
 *
 * @param dnsPort where the server answers
 */
export function disturb(metricsPort: number, corefilePath: string, dnsPort: number): Disturbance {
  const versions = new Set<string>();
  let isOver = false;
  const work = (async () => {
    for (let round = 0; !isOver; round++) {
      versions.add(await scrapeVersion(metricsPort));
      if (round % RELOAD_EVERY === 0) await appendFile(corefilePath, block(round, dnsPort));
      await sleep(SCRAPE_INTERVAL_MS);
    }
    versions.add(await scrapeVersion(metricsPort));
  })();
  return {
    async stop() {
      isOver = true;
      await work;
      if (versions.size < 2) throw new Error('no reload shows in the metrics');
    },
  };
}

function block(number: number, port: number): string {
  return `added-${number}.example:${port} {\n    bind 127.0.0.1\n    forward . 127.0.0.1:9\n}\n`;
}

/** Scrapes all; returns the line that says which Corefile is in force. */
async function scrapeVersion(port: number): Promise<string> {
  // A bare socket: what this process does is done on one of the cores that are measured.
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /metrics HTTP/1.0\r\n\r\n');
  const text = (await socket.setEncoding('latin1').toArray()).join('');
  const line = /^coredns_reload_version_info\S* 1$/m.exec(text)?.[0];
  if (line === undefined) throw new Error('the metrics name no Corefile');
  return line;
}
