/** Record types by number and name (IANA "DNS Parameters"). */

export const TYPE_A = 1;
export const TYPE_NS = 2;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_PTR = 12;
export const TYPE_HINFO = 13;
export const TYPE_MX = 15;
export const TYPE_TXT = 16;
export const TYPE_RP = 17;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;
export const TYPE_NAPTR = 35;
export const TYPE_DNAME = 39;
export const TYPE_OPT = 41;
export const TYPE_DS = 43;
export const TYPE_SSHFP = 44;
export const TYPE_RRSIG = 46;
export const TYPE_DNSKEY = 48;
export const TYPE_TLSA = 52;
export const TYPE_SVCB = 64;
export const TYPE_HTTPS = 65;
export const TYPE_SPF = 99;
export const TYPE_TSIG = 250;
export const TYPE_IXFR = 251;
export const TYPE_AXFR = 252;
export const TYPE_ANY = 255;
export const TYPE_URI = 256;
export const TYPE_CAA = 257;

/** Every type with a mnemonic that operators meet in logs and Corefiles. Frozen at load. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [10, 'NULL'],
  [11, 'WKS'],
  [12, 'PTR'],
  [13, 'HINFO'],
  [14, 'MINFO'],
  [15, 'MX'],
  [16, 'TXT'],
  [17, 'RP'],
  [18, 'AFSDB'],
  [24, 'SIG'],
  [25, 'KEY'],
  [28, 'AAAA'],
  [29, 'LOC'],
  [33, 'SRV'],
  [35, 'NAPTR'],
  [36, 'KX'],
  [37, 'CERT'],
  [39, 'DNAME'],
  [41, 'OPT'],
  [42, 'APL'],
  [43, 'DS'],
  [44, 'SSHFP'],
  [45, 'IPSECKEY'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [49, 'DHCID'],
  [50, 'NSEC3'],
  [51, 'NSEC3PARAM'],
  [52, 'TLSA'],
  [53, 'SMIMEA'],
  [55, 'HIP'],
  [59, 'CDS'],
  [60, 'CDNSKEY'],
  [61, 'OPENPGPKEY'],
  [62, 'CSYNC'],
  [63, 'ZONEMD'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [99, 'SPF'],
  [108, 'EUI48'],
  [109, 'EUI64'],
  [249, 'TKEY'],
  [250, 'TSIG'],
  [251, 'IXFR'],
  [252, 'AXFR'],
  [255, 'ANY'],
  [256, 'URI'],
  [257, 'CAA'],
  [32768, 'TA'],
  [32769, 'DLV'],
]);

const NUMBERS: ReadonlyMap<string, number> = new Map(
  [...NAMES].map(([type, name]) => [name, type]),
);

/** `A` for 1; `TYPE65280` for a type without a mnemonic (RFC 3597 §5). */
export function typeName(type: number): string {
  return NAMES.get(type) ?? `TYPE${type}`;
}

/** The number of a mnemonic or `TYPEn`, letter case ignored; undefined when it is neither. */
export function typeNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  const generic = /^TYPE(\d{1,5})$/.exec(upper);
  if (generic === null) return NUMBERS.get(upper);
  const type = Number(generic[1]);
  return type <= 0xffff ? type : undefined;
}
