/** Streams of framed messages, cut anywhere: what is handed on is what was framed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, frame } from '../../../src/dns/framing.ts';
import { FUZZ_TIMEOUT_MS, runs } from '../budget.ts';

const messages = fc.array(
  fc.uint8Array({ maxLength: 700 }).map((octets) => Buffer.from(octets)),
  { maxLength: 8 },
);

function read(chunks: Iterable<Buffer>): { messages: string[]; isMidFrame: boolean } {
  const seen: string[] = [];
  const reader = new FrameReader((chunk, start, end) => {
    seen.push(chunk.toString('hex', start, end));
  });
  for (const chunk of chunks) reader.push(chunk);
  return { messages: seen, isMidFrame: reader.isMidFrame };
}

test('octet by octet, whole, and in any pieces the messages are the same', {
  timeout: FUZZ_TIMEOUT_MS,
}, () => {
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 900 })), (list, sizes) => {
      const stream = Buffer.concat(list.map((message) => frame(message)));
      const expected = {
        messages: list.map((message) => message.toString('hex')),
        isMidFrame: false,
      };
      expect(read([...stream].map((octet) => Buffer.from([octet])))).toEqual(expected);
      expect(read([stream])).toEqual(expected);
      expect(read(pieces(stream, sizes))).toEqual(expected);
    }),
    runs(300),
  );
});

test('any octets are read as far as they go', { timeout: FUZZ_TIMEOUT_MS }, () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
      const stream = Buffer.from(octets);
      const expected: string[] = [];
      let at = 0;
      while (at + 2 <= stream.length && at + 2 + stream.readUInt16BE(at) <= stream.length) {
        const end = at + 2 + stream.readUInt16BE(at);
        expected.push(stream.toString('hex', at + 2, end));
        at = end;
      }
      const isMidFrame = at < stream.length;
      expect(read([...stream].map((octet) => Buffer.from([octet])))).toEqual({
        messages: expected,
        isMidFrame,
      });
    }),
    runs(500),
  );
});

function* pieces(stream: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = sizes[i % sizes.length] ?? stream.length;
    yield Buffer.from(stream.subarray(at, at + size));
    at += size;
  }
}
