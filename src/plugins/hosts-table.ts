/**
 * What a hosts file says (hosts(5)): names with addresses, addresses with names.
 *
 *   ADDRESS NAME…      # comment
 *
 * `*` as the first label of a name stands for any one label; a name that is there itself has its own
 * addresses only.
 */
import { addressOctets, addressText } from '../dns/address.ts';
import { nameFromText, nameToText } from '../dns/name.ts';
import { addressFromReverseName } from '../dns/reverse-name.ts';

/** Addresses of one name, and names of one address, at most: those of a list of names to block. */
const MAX_SHARED = 1000;
/** An IPv4 address in the form of IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

export interface HostsTableOptions {
  /** Whether a name is one that the table is for: lower case, with its last dot. */
  readonly concerns: (name: string) => boolean;
  /** Whether addresses lead back to names. */
  readonly reverse: boolean;
}

export class HostsTable {
  readonly #options: HostsTableOptions;
  /** Addresses of 4 or 16 octets by name. BOUNDED by the size of what is read. */
  readonly #addresses = new Map<string, Buffer[]>();
  /** Names by address in text form. BOUNDED by the size of what is read. */
  readonly #names = new Map<string, string[]>();
  /** Each address once, by what was written. BOUNDED by the size of what is read. */
  readonly #known = new Map<string, Buffer | null>();
  #entryCount = 0;

  constructor(options: HostsTableOptions) {
    this.#options = options;
  }

  /** How many addresses and, on their way back, names there are. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** Takes in the lines of `text`; what is no entry is passed over. */
  add(text: string): void {
    for (const line of text.split('\n')) {
      const comment = line.indexOf('#');
      const words: string[] = (comment < 0 ? line : line.slice(0, comment)).match(/\S+/g) ?? [];
      const address = words.length > 1 ? this.#address(words[0]) : null;
      if (address === null) continue;
      for (let i = 1; i < words.length; i++) this.#addName(normalName(words[i]), address);
    }
  }

  /** The addresses of a name in lower case with its last dot; undefined when it is not known. */
  addressesOf(name: string): readonly Buffer[] | undefined {
    return this.#addresses.get(name) ?? this.#addresses.get(wildcardOf(name));
  }

  /** The names of the address that a reverse name stands for. */
  namesOf(reverseName: string): readonly string[] {
    const address = addressFromReverseName(reverseName);
    return (address && this.#names.get(addressText(address))) ?? [];
  }

  #address(written: string): Buffer | null {
    const known = this.#known.get(written);
    if (known !== undefined) return known;
    const octets = unmapped(addressOctets(written));
    const text = octets === null ? written : addressText(octets);
    const address = this.#known.get(text) ?? octets;
    this.#known.set(text, address).set(written, address);
    return address;
  }

  #addName(name: string, address: Buffer): void {
    if (name === '' || !this.#options.concerns(name)) return;
    if (!this.#share(this.#addresses, name, address)) return;
    if (!this.#options.reverse || name.startsWith('*.')) return;
    this.#share(this.#names, addressText(address), name);
  }

  /** Adds to the list at `key` what is not in it. False when it is, or the list is full. */
  #share<T>(lists: Map<string, T[]>, key: string, value: T): boolean {
    const list = lists.get(key);
    if (list === undefined) lists.set(key, [value]);
    else if (list.length < MAX_SHARED && !list.includes(value)) list.push(value);
    else return false;
    this.#entryCount++;
    return true;
  }
}

/** Lower case with its last dot, as queries have it; '' when it is no name. */
function normalName(written: string): string {
  const lower = written.toLowerCase();
  // Nearly all names are plain ones, and lists of names to block are long.
  if (/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/.test(lower)) {
    return lower.endsWith('.') ? lower : `${lower}.`;
  }
  const wire = nameFromText(lower);
  return wire === null ? '' : nameToText(wire, 0);
}

/** The name with its first label replaced by `*`. */
function wildcardOf(name: string): string {
  // A dot behind a backslash is part of the label.
  return name.replace(/^(?:\\.|[^.\\])+\./s, '*.');
}

function unmapped(address: Buffer | null): Buffer | null {
  const isMapped = address?.length === 16 && MAPPED_PREFIX.compare(address, 0, 12) === 0;
  return isMapped ? address.subarray(12) : address;
}
