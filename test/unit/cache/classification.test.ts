import type packet from 'dns-packet';
import { describe, expect, test } from 'vitest';
import {
  classify,
  KIND_DELEGATION,
  KIND_META,
  KIND_NAME_ERROR,
  KIND_NO_DATA,
  KIND_OTHER,
  KIND_SERVER_ERROR,
  KIND_SUCCESS,
  mayBeStored,
} from '../../../src/cache/classification.ts';
import { FLAG_RD, FLAG_TC } from '../../../src/dns/header.ts';
import { TYPE_A, TYPE_ANY, TYPE_AXFR, TYPE_IXFR } from '../../../src/dns/type.ts';
import { a, makeAnswer, ns, type Reply, soa } from '../../helpers/cache-fixture.ts';

/** 2017-04-21 00:00:00 UTC, within the signature below. */
const VALID_AT = 1_492_732_800;
const signature: Partial<packet.Answer> = {
  type: 'RRSIG',
  data: {
    typeCovered: 'A',
    algorithm: 8,
    labels: 2,
    originalTTL: 300,
    inception: VALID_AT - 86_400,
    expiration: VALID_AT + 86_400,
    keyTag: 1,
    signersName: 'test',
    signature: Buffer.from('0102', 'hex'),
  },
};
const alias: Partial<packet.Answer> = { type: 'CNAME', data: 'b.test' };
const question = { name: 'a.test' };

function kindOf(reply: Reply, qtype = TYPE_A, unixSeconds = VALID_AT): number {
  return classify(makeAnswer(question, reply), qtype, () => unixSeconds);
}

describe('the kind of an answer', () => {
  const cases: [string, Reply, number][] = [
    ['records: success', { answers: [a(60)] }, KIND_SUCCESS],
    ['an alias alone: success', { answers: [alias] }, KIND_SUCCESS],
    ['an alias and a SOA: success', { answers: [alias], authorities: [soa(60)] }, KIND_SUCCESS],
    ['nothing at all: success', {}, KIND_SUCCESS],
    ['a SOA alone: no data', { authorities: [soa(60)] }, KIND_NO_DATA],
    ['NXDOMAIN with SOA', { rcode: 'NXDOMAIN', authorities: [soa(60)] }, KIND_NAME_ERROR],
    ['NXDOMAIN without SOA', { rcode: 'NXDOMAIN' }, KIND_OTHER],
    ['NXDOMAIN with alias, without SOA', { rcode: 'NXDOMAIN', answers: [alias] }, KIND_OTHER],
    ['SERVFAIL', { rcode: 'SERVFAIL' }, KIND_SERVER_ERROR],
    ['NOTIMP', { rcode: 'NOTIMP' }, KIND_SERVER_ERROR],
    ['name servers alone: delegation', { authorities: [ns(60)] }, KIND_DELEGATION],
    ['SOA before name servers', { authorities: [ns(60), soa(60)] }, KIND_NO_DATA],
    ['REFUSED', { rcode: 'REFUSED' }, KIND_OTHER],
    ['FORMERR', { rcode: 'FORMERR' }, KIND_OTHER],
    ['an update', { flags: 5 << 11 }, KIND_META],
    ['a notification', { flags: 4 << 11 }, KIND_META],
  ];
  test.each(cases)('%s', (_, reply, kind) => {
    expect(kindOf(reply)).toBe(kind);
  });

  test('zone transfers are about zones', () => {
    expect(kindOf({ answers: [a(60)] }, TYPE_AXFR)).toBe(KIND_META);
    expect(kindOf({ answers: [a(60)] }, TYPE_IXFR)).toBe(KIND_META);
  });

  test('an extended response code is not NOERROR', () => {
    const answer = makeAnswer(question, { answers: [a(60)], dnssecOk: true });
    const badCookie = Object.assign(answer, { rcode: 23 });
    expect(classify(badCookie, TYPE_A, () => VALID_AT)).toBe(KIND_OTHER);
  });
});

describe('signatures', () => {
  const signed = { answers: [a(60), signature], dnssecOk: true };

  test('in force: success', () => {
    expect(kindOf(signed)).toBe(KIND_SUCCESS);
  });
  test('expired: not to be stored', () => {
    expect(kindOf(signed, TYPE_A, VALID_AT + 86_401)).toBe(KIND_OTHER);
  });
  test('not yet in force: not to be stored', () => {
    expect(kindOf(signed, TYPE_A, VALID_AT - 86_401)).toBe(KIND_OTHER);
  });
  test('in any section count', () => {
    const authorities = [{ ...signature, name: 'a.test', ttl: 60 } as packet.Answer];
    const reply = { answers: [a(60)], authorities, dnssecOk: true };
    expect(kindOf(reply, TYPE_A, VALID_AT + 86_401)).toBe(KIND_OTHER);
  });
  test('are not looked at when the reply lacks DO', () => {
    expect(kindOf({ ...signed, dnssecOk: false }, TYPE_A, VALID_AT + 86_401)).toBe(KIND_SUCCESS);
  });
  test('survive the wrap of the 32-bit clock', () => {
    const wrapped = 2 ** 32 + 3600;
    const across = {
      ...signature,
      data: {
        ...(signature.data as object),
        inception: 2 ** 32 - 3600,
        expiration: 7200,
      },
    } as Partial<packet.Answer>;
    expect(kindOf({ answers: [a(60), across], dnssecOk: true }, TYPE_A, wrapped)).toBe(
      KIND_SUCCESS,
    );
  });
});

describe('what may be stored', () => {
  const stored = (reply: Reply, flags = FLAG_RD, qtype = TYPE_A) =>
    mayBeStored(makeAnswer(question, reply), kindOf(reply, qtype), { flags, qtype });

  test('successes, delegations, denials and server errors', () => {
    expect(stored({ answers: [a(60)] })).toBe(true);
    expect(stored({ authorities: [ns(60)] })).toBe(true);
    expect(stored({ authorities: [soa(60)] })).toBe(true);
    expect(stored({ rcode: 'NXDOMAIN', authorities: [soa(60)] })).toBe(true);
    expect(stored({ rcode: 'SERVFAIL' })).toBe(true);
    expect(stored({})).toBe(true);
  });
  test('nothing that was cut', () => {
    expect(stored({ answers: [a(60)], flags: FLAG_TC })).toBe(false);
  });
  test('nothing that was signed for one client', () => {
    const answer = Object.assign(makeAnswer(question, { answers: [a(60)] }), { hasTsig: true });
    expect(mayBeStored(answer, KIND_SUCCESS, { flags: FLAG_RD, qtype: TYPE_A })).toBe(false);
  });
  test('no alias that leads nowhere, unless a SOA vouches for it', () => {
    expect(stored({ answers: [alias] })).toBe(false);
    expect(stored({ answers: [alias], authorities: [soa(60)] })).toBe(true);
    expect(stored({ answers: [alias, { ...a(60), name: 'b.test' }] })).toBe(true);
    expect(stored({ answers: [alias] }, FLAG_RD, TYPE_ANY)).toBe(true);
  });
  test('without RD only what answers, not what refers or is empty or fails', () => {
    expect(stored({ answers: [a(60)] }, 0)).toBe(true);
    expect(stored({ rcode: 'NXDOMAIN', authorities: [soa(60)] }, 0)).toBe(true);
    expect(stored({ authorities: [ns(60)] }, 0)).toBe(false);
    expect(stored({}, 0)).toBe(false);
    expect(stored({ rcode: 'SERVFAIL' }, 0)).toBe(false);
  });
});
