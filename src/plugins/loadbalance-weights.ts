/**
 * The file of `loadbalance weighted`: names, each followed by addresses with their weights.
 *
 *   # comment
 *   www.example.org
 *   192.0.2.1 3
 *   2001:db8::1 1
 */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { addressOctets, addressText } from '../dns/address.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { nameToText } from '../dns/name.ts';
import type { Log } from '../log/log.ts';
import type { Part } from './directive.ts';
import type { Weights } from './loadbalance-order.ts';

/** Of an address that the file does not name. */
const DEFAULT_WEIGHT = 1;
const MAX_WEIGHT = 255;

/** Weights by name, lower case with its last dot, then by address in short form. */
type WeightTable = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Where weights are found. */
export interface WeightFileOptions {
  readonly path: string;
  /** How often it is read; 0: once. */
  readonly reloadMs: number;
}

export class WeightFile implements Part, Weights {
  readonly #options: WeightFileOptions;
  readonly #log: Log;
  /** BOUNDED by the lines of the file. */
  #table: WeightTable = new Map();
  #text: string | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WeightFileOptions, { log }: { readonly log: Log }) {
    this.#options = options;
    this.#log = log;
  }

  /** A file that is not there is waited for, unless it is never read again. */
  async start(): Promise<void> {
    const { path, reloadMs } = this.#options;
    const text = await readFile(path, 'utf8').catch((cause) => {
      if (reloadMs === 0) throw new WeightFileError(`opening weight file "${path}"`, cause);
      this.#log.warning(`opening weight file "${path}": ${cause}; trying again`);
      return null;
    });
    if (text !== null) this.#take(text);
    if (reloadMs > 0) this.#timer = setInterval(() => this.reload(), reloadMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** Reads the file again. A fault is logged and the weights stay. */
  async reload(): Promise<void> {
    try {
      this.#take(await readFile(this.#options.path, 'utf8'));
    } catch (error) {
      this.#log.error(`reading weight file "${this.#options.path}": ${error}`);
    }
  }

  weightOf({ name, rdata }: ResourceRecord): number {
    const weights = this.#table.get(nameToText(name, 0).toLowerCase());
    return weights?.get(addressText(rdata)) ?? DEFAULT_WEIGHT;
  }

  #take(text: string): void {
    if (text === this.#text) return;
    this.#table = readWeights(text);
    this.#text = text;
    this.#log.info(`Successfully reloaded weight file ${this.#options.path}`);
  }
}

/** Reads the text of a weight file. Throws WeightFileError. */
export function readWeights(text: string): WeightTable {
  const table = new Map<string, Map<string, number>>();
  let weights: Map<string, number> | undefined;
  text.split('\n').forEach((line, index) => {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0].startsWith('#')) return;
    const fault = (what: string) => new WeightFileError(`line ${index + 1}: ${what}`);
    if (words.length === 1) {
      if (isIP(words[0]) !== 0) throw fault(`"${words[0]}" has no weight`);
      const name = words[0].toLowerCase().replace(/\.?$/, '.');
      weights = table.get(name) ?? new Map();
      table.set(name, weights);
      return;
    }
    const [address, weight] = words;
    const octets = addressOctets(address);
    if (words.length > 2)
      throw fault(`"${line.trim()}" is neither a name nor an address and weight`);
    if (octets === null) throw fault(`"${address}" is not an IP address`);
    if (!/^\d+$/.test(weight) || Number(weight) < 1 || Number(weight) > MAX_WEIGHT) {
      throw fault(`"${weight}" is not a weight from 1 to ${MAX_WEIGHT}`);
    }
    if (weights === undefined) throw fault('a name must come before addresses');
    weights.set(addressText(octets), Number(weight));
  });
  return table;
}

/** A weight file that cannot be used. */
export class WeightFileError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'WeightFileError';
  }
}
