import { expect, test } from 'vitest';
import { extendedError } from '../../../src/dns/edns.ts';
import { decodeMessage } from '../../../src/dns/message.ts';
import {
  answerOf as answerFrom,
  changeAnswer,
  messageOf,
  rcodeOf,
  respond,
  withRcode,
} from '../../../src/dns/synthesis.ts';
import { addresses, answerOf, queryOf, queryWire, records } from './messages.ts';

const query = queryOf(queryWire('Who.test', 'A', {}, 0x0110));

test('an answer has the question, ID, RD and CD of the query', () => {
  const answer = respond(query, {
    aa: true,
    answers: records('who.test. 5 A 1.2.3.4'),
    authorities: records('test. 9 NS a.test.'),
    additionals: records('a.test. 2 A 1.1.1.1'),
  });
  expect(decodeMessage(answer.wire)).toEqual({
    id: 0x1234,
    flags: 0x8510,
    questions: [{ name: Buffer.from('\x03Who\x04test\x00'), type: 1, class: 1 }],
    answers: records('Who.test. 5 A 1.2.3.4'),
    authorities: records('test. 9 NS a.test.'),
    additionals: records('a.test. 2 A 1.1.1.1'),
  });
  expect(answer).toMatchObject({ minTtlSeconds: 2, authorityHasNs: true, opt: null, rcode: 0 });
});

test('nothing given: NOERROR without records', () => {
  expect(respond(query, {})).toMatchObject({
    rcode: 0,
    answerCount: 0,
    authorityCount: 0,
    additionalCount: 0,
  });
});

test('options go into the OPT record, which is kept apart', () => {
  const answer = respond(query, { rcode: 3, options: [extendedError(17, '')] });
  expect(answer.opt?.toString('hex')).toBe(`0000290000000000000006${'000f00020011'}`);
  expect(answer.additionalCount).toBe(0);
  expect(answer.rcode).toBe(3);
});

test('records that make no message become SERVFAIL', () => {
  const [mx] = records('who.test. 5 MX 1 a.test.');
  const answer = respond(query, { answers: [{ ...mx, rdata: Buffer.from([0, 1]) }] });
  expect(answer).toMatchObject({ rcode: 2, answerCount: 0, questionEnd: 26 });
});

test('records beyond the longest message are left out, with TC', () => {
  const [txt] = records(`who.test. 5 TXT ${'x'.repeat(255)}`);
  const answer = respond(query, { answers: new Array(300).fill(txt) });
  expect(answer.truncated).toBe(true);
  expect(answer.answerCount).toBe(Math.floor((65_535 - 26) / (12 + 256)));
});

test('a changed answer is a new one; the first stays', () => {
  const answer = answerOf('a.test', 'A', {
    answers: addresses('a.test', 2),
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 9, flags: 0, options: [] }],
  });
  const before = Buffer.from(answer.wire);
  const changed = changeAnswer(answer, (message) => ({
    ...message,
    answers: message.answers.slice(1),
  }));
  expect(changed).toMatchObject({ answerCount: 1, opt: answer.opt });
  expect(answer.wire).toEqual(before);
  expect(changeAnswer(answer, (message) => ({ ...message, questions: [] }))).toBeNull();
});

test('a changed answer keeps an extended response code', () => {
  const answer = respond(query, { rcode: 23, answers: records('who.test. 5 A 1.2.3.4') });
  const changed = changeAnswer(answer, (message) => ({ ...message, answers: [] }));
  expect(changed).toMatchObject({ rcode: 23, answerCount: 0, additionalCount: 0 });
});

test.each([
  [0, 3],
  [3, 16],
  [23, 2],
  [23, 17],
])('response code %i becomes %i', (from, to) => {
  const message = messageOf(respond(query, { rcode: from }));
  if (message === null) throw new Error('the answer is malformed');
  expect(rcodeOf(message)).toBe(from);
  const changed = withRcode(message, to);
  expect(rcodeOf(changed)).toBe(to);
  expect(answerFrom(changed)?.rcode).toBe(to);
});

test('a message shows the OPT record, options and all', () => {
  const answer = respond(query, { options: [extendedError(17, '')] });
  const message = messageOf(answer);
  expect(message?.additionals).toMatchObject([
    { type: 41, rdata: Buffer.from('000f00020011', 'hex') },
  ]);
  expect(message && answerFrom(message)?.opt).toEqual(answer.opt);
});
