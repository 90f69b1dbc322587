/** Changes of a response that `rewrite` makes record by record. */
import type { ResourceRecord } from '../dns/message.ts';
import { nameFromText, nameToText, skipName } from '../dns/name.ts';
import { rdataLayout, skipToNames } from '../dns/rdata.ts';
import {
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_OPT,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
} from '../dns/type.ts';
import type { NameChange } from './rewrite-match.ts';
import type { MessageChange } from './rewrite-rule.ts';

/** Types in whose data a name is changed: of several the first, which of an SOA is the server. */
const VALUE_TYPES: readonly number[] = [
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
];

/** Changes the names that the records belong to. */
export function renameOwners(change: NameChange): MessageChange {
  return eachRecord((record) => {
    const name = renamed(record.name, change);
    return name === null ? record : { ...record, name };
  });
}

/** Changes the names in the data of records. */
export function renameValues(change: NameChange): MessageChange {
  return eachRecord((record) => {
    const { rdata } = record;
    const layout = VALUE_TYPES.includes(record.type) ? rdataLayout(record.type) : undefined;
    if (layout === undefined) return record;
    const at = skipToNames(rdata, layout, 0, rdata.length);
    const end = at < 0 ? -1 : skipName(rdata, at, rdata.length);
    if (end < 0) return record;
    const name = renamed(rdata.subarray(at, end), change);
    if (name === null) return record;
    return { ...record, rdata: Buffer.concat([rdata.subarray(0, at), name, rdata.subarray(end)]) };
  });
}

/** Brings the TTLs within bounds. */
export function boundTtls(minSeconds: number, maxSeconds: number): MessageChange {
  return eachRecord((record) => ({
    ...record,
    ttlSeconds: Math.min(Math.max(record.ttlSeconds, minSeconds), maxSeconds),
  }));
}

/** Changes every record but OPT, whose TTL and owner are none. */
function eachRecord(change: (record: ResourceRecord) => ResourceRecord): MessageChange {
  const all = (records: readonly ResourceRecord[]) =>
    records.map((record) => (record.type === TYPE_OPT ? record : change(record)));
  return (message) => ({
    ...message,
    answers: all(message.answers),
    authorities: all(message.authorities),
    additionals: all(message.additionals),
  });
}

/** The new name; null when it stays, which it does rather than becoming none at all. */
function renamed(name: Buffer, change: NameChange): Buffer | null {
  const text = nameToText(name, 0).toLowerCase();
  const changed = change(text);
  return changed === null || changed === text ? null : nameFromText(changed);
}
