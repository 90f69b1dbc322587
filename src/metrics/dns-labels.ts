/** How DNS numbers are spelled in metric labels (spec §6.1). */

/** Types with a label of their own, by number; all others share `other`. */
const TYPE_LABELS: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [43, 'DS'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [50, 'NSEC3'],
  [65, 'HTTPS'],
  [251, 'IXFR'],
  [252, 'AXFR'],
  [255, 'ANY'],
]);

/** Labels by type index; index 0 is for the types without one of their own. */
export const TYPE_NAMES: readonly string[] = ['other', ...TYPE_LABELS.values()];

/** Type index by query type, for types below 256: there are no labelled ones above. */
const TYPE_INDEX = new Uint8Array(256);
[...TYPE_LABELS.keys()].forEach((type, position) => {
  TYPE_INDEX[type] = position + 1;
});

/** Where the counter of a query type stands: its place in TYPE_NAMES. */
export function typeIndex(qtype: number): number {
  return qtype < 256 ? TYPE_INDEX[qtype] : 0;
}

/** Response codes with a name, by number. BOUNDED: a fixed table. */
const RCODE_NAMES: readonly (string | undefined)[] = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
  'DSOTYPENI',
  undefined,
  undefined,
  undefined,
  undefined,
  'BADSIG',
  'BADKEY',
  'BADTIME',
  'BADMODE',
  'BADNAME',
  'BADALG',
  'BADTRUNC',
  'BADCOOKIE',
];

/** The `rcode` label of coredns_dns_responses_total: `NXDOMAIN`, or `RCODE12` without a name. */
export function rcodeLabel(rcode: number): string {
  return RCODE_NAMES[rcode] ?? `RCODE${rcode}`;
}
