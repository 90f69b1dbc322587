/** A Prometheus of our own that scrapes a daemon every half second and evaluates our rules. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../helpers/free-port.ts';

/** One series of a result, with its value now. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Rule {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
}

export class Prometheus {
  readonly #url: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(port: number, folder: string) {
    this.#url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
  }

  /** Starts one. Resolves when it has scraped the daemon at 127.0.0.1:`metricsPort` some times. */
  static async start(metricsPort: number, rulesPath: string): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'nodelocaldns-prometheus-'));
    const config = {
      global: { scrape_interval: '500ms', evaluation_interval: '500ms' },
      rule_files: [rulesPath],
      scrape_configs: [
        { job_name: 'node-local-dns', static_configs: [{ targets: [`127.0.0.1:${metricsPort}`] }] },
      ],
    };
    // JSON is YAML.
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const prometheus = new Prometheus(await freePort(), folder);
    await prometheus.#until('count_over_time(up{job="node-local-dns"}[1m]) > 6');
    return prometheus;
  }

  /** The value now. Throws what Prometheus says when it does not understand the expression. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.#get<{ result: Sample[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return result;
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#get<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  async stop(): Promise<void> {
    this.#child.kill();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    await rm(this.#folder, { recursive: true });
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }

  async #until(expression: string): Promise<void> {
    const giveUpAt = performance.now() + 30_000;
    for (;;) {
      const samples = await this.query(expression).catch(() => []);
      if (samples.length > 0) return;
      if (performance.now() > giveUpAt) throw new Error(`no data:\n${this.#output}`);
      await sleep(200);
    }
  }
}
