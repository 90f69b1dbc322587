import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { optionsOf } from '../../../src/dns/edns.ts';
import { nsid } from '../../../src/plugins/nsid.ts';
import { answered } from '../../../src/plugins/stage.ts';
import { codeOf, parseWith } from '../../helpers/directive.ts';
import { makeQuery, optRecord } from '../../helpers/queries.ts';
import { answerWith, makeStage, NEXT } from '../../helpers/stage.ts';

const NSID_ASKED = { code: 3, data: Buffer.alloc(0) };
const EXPIRE = { code: 9, data: Buffer.alloc(0) };

test('a client that asks is told, and its other options are repeated', () => {
  const stage = makeStage(nsid, 'nsid node 1');
  const query = makeQuery('www.test', { ednsOptions: [NSID_ASKED, EXPIRE] });
  expect(stage.ask(query)).toBe(NEXT);
  expect(query.echo?.toString('latin1')).toBe('\0\x09\0\0\0\x03\0\x06node 1');
});

test('an answer with options of its own gets the name among them', () => {
  const upstreamOptions = [
    { code: 3, data: Buffer.from('upstream') },
    { code: 15, data: Buffer.from([0, 22]) },
  ];
  const { ask } = makeStage(nsid, 'nsid me', {
    next: () => answered(answerWith({ additionals: [optRecord(upstreamOptions)] }), 'forward'),
  });
  const opt = ask(makeQuery('www.test', { ednsOptions: [NSID_ASKED] })).answer?.opt;
  const header = Buffer.alloc(12);
  header[11] = 1;
  expect(optionsOf(Buffer.concat([header, opt as Buffer]))).toEqual([
    { code: 15, data: Buffer.from([0, 22]) },
    { code: 3, data: Buffer.from('me') },
  ]);
});

test.each([undefined, [EXPIRE]])('who does not ask is told nothing: %o', (ednsOptions) => {
  const query = makeQuery('www.test', ednsOptions === undefined ? {} : { ednsOptions });
  const before = query.echo;
  makeStage(nsid, 'nsid node 1').ask(query);
  expect(query.echo).toEqual(before);
});

test('stored answers come by here', () => {
  expect(makeStage(nsid, 'nsid').declined).toBe(true);
});

test('the name is that of the host unless another is given', () => {
  expect(parseWith(nsid, 'nsid')).toEqual({ data: hostname() });
  expect(parseWith(nsid, 'nsid Use The Force')).toEqual({ data: 'Use The Force' });
  expect(codeOf(nsid, 'nsid {\n x\n}')).toBe('unknown-option');
});
