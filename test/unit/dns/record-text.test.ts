import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRecord, rdataToText, recordToText } from '../../../src/dns/record-text.ts';
import { RecordTextError } from '../../../src/dns/record-text-error.ts';
import { recordArbitrary, SEED } from './messages.ts';

/** The code of the error that reading `line` gives; 'none' for a record that is read. */
function codeOf(line: string): string {
  try {
    parseRecord(line);
    return 'none';
  } catch (error) {
    return error instanceof RecordTextError ? error.code : String(error);
  }
}

describe('name, TTL, class and type', () => {
  test.each([
    ['a.test. 60 IN A 1.2.3.4', 'a.test. 60 IN A 1.2.3.4'],
    ['a.test IN 60 A 1.2.3.4', 'a.test. 60 IN A 1.2.3.4'],
    ['A.Test 1h30m a 1.2.3.4', 'A.Test. 5400 IN A 1.2.3.4'],
    ['a 2W A 1.2.3.4', 'a. 1209600 IN A 1.2.3.4'],
    ['a A 1.2.3.4', 'a. 3600 IN A 1.2.3.4'],
    ['@ 0 CH TXT x', '. 0 CH TXT "x"'],
    ['a\\.b\\032c CLASS32 A 1.2.3.4', 'a\\.b\\032c. 3600 CLASS32 A 1.2.3.4'],
    ['  a\tA ( 1.2.3.4 ) ; of nothing "', 'a. 3600 IN A 1.2.3.4'],
  ])('%j', (line, text) => {
    expect(recordToText(parseRecord(line))).toBe(text);
  });

  test('the TTL of a record that has none may be chosen', () => {
    expect(parseRecord('a A 1.2.3.4', 7).ttlSeconds).toBe(7);
    expect(parseRecord('a 9 A 1.2.3.4', 7).ttlSeconds).toBe(9);
  });
});

describe('data by type', () => {
  test.each([
    ['A 1.2.3.4', '01020304', 'A 1.2.3.4'],
    ['AAAA FE80:0:0::1', 'fe800000000000000000000000000001', 'AAAA fe80::1'],
    ['CNAME b.test', '0162047465737400', 'CNAME b.test.'],
    ['NS .', '00', 'NS .'],
    ['PTR b', '016200', 'PTR b.'],
    ['DNAME b', '016200', 'DNAME b.'],
    ['MX 10 b', '000a016200', 'MX 10 b.'],
    ['SRV 1 2 65535 b', '00010002ffff016200', 'SRV 1 2 65535 b.'],
    [
      'SOA a b 1 2h 3m 1w 5',
      '016100016200 00000001 00001c20 000000b4 00093a80 00000005',
      'SOA a. b. 1 7200 180 604800 5',
    ],
    ['TXT a "b c" ""', '0161 03622063 00', 'TXT "a" "b c" ""'],
    ['TXT "\\"\\\\\\007;" ü', '04225c073b 02c3bc', 'TXT "\\"\\\\\\007;" "\\195\\188"'],
    ['HINFO "x 1" y', '03782031 0179', 'HINFO "x 1" "y"'],
    [
      'CAA 128 issue "ca.test; a=b"',
      '80 05 6973737565 63612e746573743b20613d62',
      'CAA 128 issue "ca.test; a=b"',
    ],
    [
      'NAPTR 1 2 u sip+E2U "!^.*$!x!" .',
      '00010002 0175 077369702b453255 08215e2e2a24217821 00',
      'NAPTR 1 2 "u" "sip+E2U" "!^.*$!x!" .',
    ],
    ['DS 5 8 2 AA bb', '0005 08 02 aabb', 'DS 5 8 2 aabb'],
    ['HTTPS 0 b', '0000 016200', 'HTTPS 0 b.'],
    [
      'HTTPS 1 . port=53 alpn="h2,h3"',
      '0001 00 0001 0006 026832026833 0003 0002 0035',
      'HTTPS 1 . alpn="h2,h3" port=53',
    ],
    [
      'SVCB 1 . ipv4hint=1.2.3.4,5.6.7.8 mandatory=ipv4hint,key9 key9',
      '0001 00 0000 0004 00040009 0004 0008 0102030405060708 0009 0000',
      'SVCB 1 . mandatory=ipv4hint,key9 ipv4hint=1.2.3.4,5.6.7.8 key9',
    ],
    [
      'SVCB 1 . no-default-alpn ech=AAEC ipv6hint=::1 dohpath="/q{?dns}"',
      '0001 00 0002 0000 0005 0003 000102 0006 0010 00000000000000000000000000000001 0007 0008 2f717b3f646e737d',
      'SVCB 1 . no-default-alpn ech=AAEC ipv6hint=::1 dohpath="/q{?dns}"',
    ],
    ['TYPE65280 \\# 3 AAbb 0c', 'aabb0c', 'TYPE65280 \\# 3 aabb0c'],
    ['A \\# 4 01020304', '01020304', 'A 1.2.3.4'],
    ['TYPE1 1.2.3.4', '01020304', 'A 1.2.3.4'],
    ['NULL \\# 0', '', 'NULL \\# 0'],
  ])('%s', (line, hex, text) => {
    const record = parseRecord(`a 1 IN ${line}`);
    expect(record.rdata.toString('hex')).toBe(hex.replaceAll(' ', ''));
    expect(recordToText(record)).toBe(`a. 1 IN ${text}`);
  });

  test('a string longer than 255 octets becomes two', () => {
    const { rdata } = parseRecord(`a TXT ${'x'.repeat(300)}`);
    expect([rdata.length, rdata[0], rdata[256]]).toEqual([302, 255, 45]);
  });

  test.each([
    ['an address of five octets', 1, '0102030405'],
    ['a name that does not end', 5, '0361'],
    ['a name with a pointer', 5, 'c000'],
    ['a string cut short', 16, '0561'],
    ['a parameter cut short', 65, '0001 00 0001 0006 02'],
    ['octets behind the name', 2, '0000'],
    ['nothing where there must be something', 16, ''],
  ])('%s is shown as octets', (_, type, hex) => {
    const rdata = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(rdataToText(type, rdata)).toBe(`\\# ${rdata.length} ${rdata.toString('hex')}`.trim());
  });
});

test.each([
  ['', 'missing-field'],
  ['a', 'missing-field'],
  ['a 60 IN', 'missing-field'],
  ['a A', 'missing-field'],
  ['a SRV 1 2 3', 'missing-field'],
  ['a TXT', 'missing-field'],
  ['a A 1.2.3.4 5', 'extra-field'],
  ['a..b A 1.2.3.4', 'name'],
  ['a CNAME b..c', 'name'],
  ['a 5x A 1.2.3.4', 'ttl'],
  ['a 2147483648 A 1.2.3.4', 'ttl'],
  ['a FOO 1', 'type'],
  ['a NONE A 1.2.3.4', 'type'],
  ['a IN IN A 1.2.3.4', 'type'],
  ['a LOC 1 2 3', 'type'],
  ['a MX 65536 b', 'number'],
  ['a MX -1 b', 'number'],
  ['a SOA a b 1 2 3 4 5x', 'number'],
  ['a A ::1', 'address'],
  ['a AAAA fe80::1%eth0', 'address'],
  ['a TXT "b', 'quoting'],
  ['a TXT b\\', 'quoting'],
  ['a TXT b\\25', 'string'],
  [`a HINFO ${'x'.repeat(256)} y`, 'string'],
  ['a TYPE9 \\# 2 aa', 'octets'],
  ['a TYPE9 \\# 1 a', 'octets'],
  ['a DS 1 1 1 xx', 'octets'],
  ['a HTTPS 1 . nonsense=1', 'parameter'],
  ['a HTTPS 1 . key65536=1', 'parameter'],
  ['a HTTPS 1 . port=1 port=2', 'parameter'],
  ['a HTTPS 1 . port', 'parameter'],
  ['a HTTPS 1 . no-default-alpn=1', 'parameter'],
  ['a HTTPS 1 . alpn=h2,,h3', 'parameter'],
  ['a HTTPS 1 . ipv4hint=::1', 'address'],
  ['a HTTPS 1 . port=65536', 'number'],
])('%j is refused as %s', (line, code) => {
  expect(codeOf(line)).toBe(code);
});

test('the text of any record reads as the same record', () => {
  fc.assert(
    fc.property(recordArbitrary, (record) => {
      const small = { ...record, ttlSeconds: record.ttlSeconds & 0x7fffffff, class: 1 };
      expect(parseRecord(recordToText(small))).toEqual(small);
    }),
    { seed: SEED },
  );
});

test('text of any kind is read or refused with a RecordTextError', () => {
  const words = fc.constantFrom(
    'a.',
    '60',
    'IN',
    'TXT',
    'HTTPS',
    'SOA',
    '\\#',
    '"',
    '\\',
    '(',
    ';',
    'alpn=',
    '1',
    ' ',
    '\\0',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string())), (parts) => {
      const code = codeOf(parts.join(' '));
      expect(code).toMatch(/^[a-z-]+$/);
    }),
    { seed: SEED },
  );
});
