/** Response codes and classes by number and name (RFC 6895 §2.3 and §3.2). */

const RCODES: ReadonlyMap<number, string> = new Map([
  [0, 'NOERROR'],
  [1, 'FORMERR'],
  [2, 'SERVFAIL'],
  [3, 'NXDOMAIN'],
  [4, 'NOTIMP'],
  [5, 'REFUSED'],
  [6, 'YXDOMAIN'],
  [7, 'YXRRSET'],
  [8, 'NXRRSET'],
  [9, 'NOTAUTH'],
  [10, 'NOTZONE'],
  [11, 'DSOTYPENI'],
  // In a message 16 is BADVERS (RFC 6891 §9); as BADSIG it stands in TSIG records only.
  [16, 'BADVERS'],
  [17, 'BADKEY'],
  [18, 'BADTIME'],
  [19, 'BADMODE'],
  [20, 'BADNAME'],
  [21, 'BADALG'],
  [22, 'BADTRUNC'],
  [23, 'BADCOOKIE'],
]);

const CLASSES: ReadonlyMap<number, string> = new Map([
  [1, 'IN'],
  [3, 'CH'],
  [4, 'HS'],
  [254, 'NONE'],
  [255, 'ANY'],
]);

const RCODE_NUMBERS = numbersOf(RCODES).set('BADSIG', 16).set('NOTIMPL', 4);
const CLASS_NUMBERS = numbersOf(CLASSES);

/** `NXDOMAIN` for 3; `RCODE24` for a code without a name. */
export function rcodeName(rcode: number): string {
  return RCODES.get(rcode) ?? `RCODE${rcode}`;
}

/** The number of a name or of `RCODEn`, letter case ignored; undefined when `text` is neither. */
export function rcodeNumber(text: string): number | undefined {
  // RFC 6891 §6.1.3: with the OPT record a code has twelve bits.
  return numberOf(text, 'RCODE', RCODE_NUMBERS, 0xfff);
}

/** `IN` for 1; `CLASS32` for a class without a name (RFC 3597 §5). */
export function className(number: number): string {
  return CLASSES.get(number) ?? `CLASS${number}`;
}

/** The number of a class or of `CLASSn`, letter case ignored; undefined when `text` is neither. */
export function classNumber(text: string): number | undefined {
  return numberOf(text, 'CLASS', CLASS_NUMBERS, 0xffff);
}

function numbersOf(names: ReadonlyMap<number, string>): Map<string, number> {
  return new Map([...names].map(([number, name]) => [name, number]));
}

function numberOf(
  text: string,
  generic: string,
  numbers: ReadonlyMap<string, number>,
  max: number,
): number | undefined {
  const upper = text.toUpperCase();
  const known = numbers.get(upper);
  if (known !== undefined) return known;
  const digits = upper.startsWith(generic) ? upper.slice(generic.length) : '';
  return /^\d{1,5}$/.test(digits) && Number(digits) <= max ? Number(digits) : undefined;
}
