/**
 * A table of nft's that dies with this process. The kernel removes a table with an owner (`flags
 * owner`, Linux 5.12) together with the netlink socket that it was made on. That socket is an `nft`'s,
 * which reads commands from us and ends when its input does: with us, however that comes about. Nobody
 * else can change, flush or delete the table meanwhile.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { errorText } from './host-error.ts';

/** Holds a table. */
export interface OwnedTable {
  /** False once the table is gone. */
  readonly isAlive: boolean;
  /** Resolves when the table is gone. Never rejects. */
  remove(): Promise<void>;
}

/**
 * Makes a table: `commands` is one line for nft, a single transaction, that sets the owner flag. Rejects
 * with nft's words where the kernel or nft refuses. Swapped in tests.
 */
export type TableOwner = (table: string, commands: string) => Promise<OwnedTable>;

/** An nft that takes longer is not worth waiting for: tables can do without an owner. */
const DEADLINE_MS = 3000;
/** The end of a listing, at the left margin. */
const LISTING_END = '\n}\n';

/** The real thing. */
export const ownTable: TableOwner = async (table, commands) => {
  // At a prompt nft keeps a history in the home folder; here it is to find none.
  const env = { ...process.env, HOME: '/nonexistent' };
  const child = spawn('nft', ['-i'], { stdio: 'pipe', env });
  const holder = new NftHolder(child);
  try {
    await holder.make(`${commands}\nlist table inet ${table}\n`);
    return holder;
  } catch (cause) {
    await holder.remove();
    throw cause;
  }
};

class NftHolder implements OwnedTable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<void>;
  #isAlive = true;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    // The table needs the process, the process must not wait for the table.
    child.unref();
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref();
    child.stdin.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#isAlive = false;
        resolve();
      };
      child.on('exit', end);
      child.on('error', end);
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Resolves when nft has done what it was told and lists the table. */
  async make(commands: string): Promise<void> {
    const { stdin, stdout, stderr } = this.#child;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), DEADLINE_MS);
    const made = new Promise<void>((resolve, reject) => {
      const refuse = (reason: string) => reject(new Error(reason));
      let listing = '';
      stdout.on('data', (chunk: Buffer) => {
        if (listing.endsWith(LISTING_END)) return;
        listing += chunk;
        if (!listing.endsWith(LISTING_END)) return;
        if (listing.includes('flags owner')) resolve();
        else refuse('the kernel gives it no owner');
      });
      stderr.on('data', (chunk: Buffer) => refuse(chunk.toString().trim()));
      this.#child.on('error', (cause) => refuse(errorText(cause)));
      this.#child.on('exit', (status) => refuse(`nft -i ended with ${status}`));
      late.signal.onabort = () => refuse(`nft -i said nothing for ${DEADLINE_MS / 1000} s`);
      stdin.write(commands);
    });
    await made.finally(() => clearTimeout(timer));
  }

  async remove(): Promise<void> {
    this.#child.ref();
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
