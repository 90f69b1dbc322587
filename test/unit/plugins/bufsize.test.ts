import packet from 'dns-packet';
import { expect, test } from 'vitest';
import { Query } from '../../../src/dns/query.ts';
import { QueryView } from '../../../src/dns/query-view.ts';
import { bufsize } from '../../../src/plugins/bufsize.ts';
import { failed, type Stage } from '../../../src/plugins/stage.ts';
import { codeOf, makeContext, parseWith } from '../../helpers/directive.ts';
import { clientOver } from '../../helpers/queries.ts';

test.each([
  ['bufsize', 1232],
  ['bufsize 512', 512],
  ['bufsize 4096', 4096],
])('%s is %s octets', (text, sizeOctets) => {
  expect(parseWith(bufsize, text)).toEqual({ sizeOctets });
});

test.each([
  ['bufsize 511', 'argument-value'],
  ['bufsize 4097', 'argument-value'],
  ['bufsize big', 'argument-value'],
  ['bufsize 512 513', 'argument-count'],
  ['bufsize {\n 512\n}', 'unknown-option'],
])('%s is refused: %s', (text, code) => {
  expect(codeOf(bufsize, text)).toBe(code);
});

/** The payload size that the next stage sees in a query that asked for `size`; undefined: no OPT. */
function sizeBehind(size: number | undefined): number | undefined {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: size, flags: 0, options: [] } as const;
  const message = packet.encode({
    type: 'query',
    questions: [{ name: 'example.org', type: 'A' }],
    additionals: size === undefined ? [] : [opt as never],
  });
  const view = new QueryView();
  view.read(message, 0, message.length);
  const query = new Query(view, message, 0, {
    client: clientOver('udp'),
    zone: '.',
    server: '',
    nowMs: 0,
  });
  let seen: Buffer = Buffer.alloc(0);
  const next: Stage = {
    resolve: ({ wire }, done) => {
      seen = wire;
      done(failed(2, ''));
    },
  };
  bufsize.stage?.({ sizeOctets: 1232 }, makeContext().context, next).resolve(query, () => {});
  const [record] = packet.decode(seen).additionals ?? [];
  return (record as { udpPayloadSize?: number } | undefined)?.udpPayloadSize;
}

test('an upstream is asked for no more than the size, and never for more than the client', () => {
  expect(sizeBehind(4096)).toBe(1232);
  expect(sizeBehind(1232)).toBe(1232);
  expect(sizeBehind(600)).toBe(600);
  expect(sizeBehind(undefined)).toBeUndefined();
});
