/** What a node does to a daemon while it serves: Prometheus asks for metrics, its Corefile changes. */
import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const SCRAPE_INTERVAL_MS = 1000;
/** Of scrapes. */
const RELOAD_EVERY = 5;

export interface Disturbance {
  /** Ends it. Rejects when no reload came into force: then little was disturbed. */
  stop(): Promise<void>;
}

/** Scrapes `metricsPort` of 127.0.0.1 each second and adds a comment to the Corefile each 5 s. */
export function disturb(metricsPort: number, corefilePath: string): Disturbance {
  const versions = new Set<string>();
  let isOver = false;
  const work = (async () => {
    for (let round = 0; !isOver; round++) {
      versions.add(await scrapeVersion(metricsPort));
      if (round % RELOAD_EVERY === 0) await appendFile(corefilePath, `# ${round}\n`);
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

/** Scrapes all; returns the line that says which Corefile is in force. */
async function scrapeVersion(port: number): Promise<string> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = /^coredns_reload_version_info\S* 1$/m.exec(text)?.[0];
  if (line === undefined) throw new Error('the metrics name no Corefile');
  return line;
}
