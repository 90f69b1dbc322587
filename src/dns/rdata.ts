/**
 * Where domain names stand in the data of a record, by type. All other data is opaque (RFC 3597 §3).
 *
 *   | `before` octets | `strings` character strings | `names` names | `after` octets |
 */
import { expandedNameLength, expandName, skipName } from './name.ts';

/** One type's names. */
export interface RdataLayout {
  readonly before: number;
  readonly strings: number;
  readonly names: number;
  /** Octets that must follow the names; −1 for any number. */
  readonly after: number;
  /** Whether the names may be compressed when written. */
  readonly compressible: boolean;
}

/**
 * RFC 3597 §4: "Receiving servers MUST decompress domain names in RRs of well-known type, and SHOULD
 * also decompress RRs of type RP, AFSDB, RT, SIG, PX, NXT, NAPTR, and SRV". DNAME and KX, whose names
 * were compressed by some servers too, are read the same way.
 */
const LAYOUTS: readonly (RdataLayout | undefined)[] = layoutTable();

/** The layout of a type with names in its data that may be compressed; undefined for all others. */
export function rdataLayout(type: number): RdataLayout | undefined {
  return LAYOUTS[type];
}

/**
 * Octets of the data at `message[from..end)` with its names spelled out, or −1 when a name is
 * malformed or the data does not fill its length.
 */
export function expandedRdataLength(
  message: Uint8Array,
  layout: RdataLayout,
  from: number,
  end: number,
): number {
  let at = skipToNames(message, layout, from, end);
  if (at < 0) return -1;
  let length = at - from;
  for (let i = 0; i < layout.names; i++) {
    const nameLength = expandedNameLength(message, at, end);
    if (nameLength < 0) return -1;
    length += nameLength;
    at = skipName(message, at, end);
  }
  const after = end - at;
  return after === layout.after || layout.after < 0 ? length + after : -1;
}

/** A copy of the data at `message[from..end)` with its names spelled out; null when malformed. */
export function expandRdata(
  message: Buffer,
  type: number,
  from: number,
  end: number,
): Buffer | null {
  const layout = LAYOUTS[type];
  if (layout === undefined) return Buffer.from(message.subarray(from, end));
  const length = expandedRdataLength(message, layout, from, end);
  if (length < 0) return null;
  const rdata = Buffer.allocUnsafe(length);
  let at = skipToNames(message, layout, from, end);
  let out = message.copy(rdata, 0, from, at);
  for (let i = 0; i < layout.names; i++) {
    out = expandName(message, at, rdata, out);
    at = skipName(message, at, end);
  }
  message.copy(rdata, out, at, end);
  return rdata;
}

/** Where the first name starts, or −1 when the data ends before. */
export function skipToNames(
  message: Uint8Array,
  layout: RdataLayout,
  from: number,
  end: number,
): number {
  let at = from + layout.before;
  for (let i = 0; i < layout.strings; i++) at += at < end ? 1 + message[at] : 1;
  return at < end ? at : -1;
}

/** Builds the table. RFC 3597 §4: only names in types of RFC 1035 may be written compressed. */
function layoutTable(): (RdataLayout | undefined)[] {
  const table: (RdataLayout | undefined)[] = new Array(40).fill(undefined);
  const put = (types: readonly number[], layout: Partial<RdataLayout>): void => {
    const whole = { before: 0, strings: 0, names: 1, after: 0, compressible: false, ...layout };
    for (const type of types) table[type] = Object.freeze(whole);
  };
  // NS, MD, MF, CNAME, MB, MG, MR, PTR: a name (RFC 1035 §3.3).
  put([2, 3, 4, 5, 7, 8, 9, 12], { compressible: true });
  // SOA: two names and five numbers. MINFO: two names. MX: a number and a name.
  put([6], { names: 2, after: 20, compressible: true });
  put([14], { names: 2, compressible: true });
  put([15], { before: 2, compressible: true });
  // RP: two names. AFSDB, RT, KX: a number and a name. PX: a number and two names.
  put([17], { names: 2 });
  put([18, 21, 36], { before: 2 });
  put([26], { before: 2, names: 2 });
  // SIG: eighteen octets, a name, the signature. NXT: a name and a bit map.
  put([24], { before: 18, after: -1 });
  put([30], { after: -1 });
  // SRV: three numbers and a name. NAPTR: two numbers, three strings, a name. DNAME: a name.
  put([33], { before: 6 });
  put([35], { before: 4, strings: 3 });
  put([39], {});
  return table;
}
