import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader, frame } from '../../../src/dns/framing.ts';
import { SEED } from './messages.ts';

/** A reader and what it handed on. */
function collect(): { reader: FrameReader; messages: string[] } {
  const messages: string[] = [];
  const reader = new FrameReader((chunk, start, end) => {
    messages.push(chunk.toString('latin1', start, end));
  });
  return { reader, messages };
}

const STREAM = Buffer.concat([
  frame(Buffer.from('first')),
  frame(Buffer.from('')),
  frame(Buffer.alloc(700, 'x')),
]);
const MESSAGES = ['first', '', 'x'.repeat(700)];

test('a frame is the length in two octets and the message', () => {
  expect(frame(Buffer.alloc(300, 1)).subarray(0, 3).toString('hex')).toBe('012c01');
});

test('one chunk may hold several messages, handed on where they lie', () => {
  const chunks: Buffer[] = [];
  const reader = new FrameReader((chunk) => chunks.push(chunk));
  reader.push(STREAM);
  expect(chunks.every((chunk) => chunk === STREAM)).toBe(true);
  expect(chunks).toHaveLength(3);
  expect(reader.isMidFrame).toBe(false);
});

test('octet by octet gives the same messages', () => {
  const { reader, messages } = collect();
  for (const octet of STREAM) reader.push(Buffer.from([octet]));
  expect(messages).toEqual(MESSAGES);
  expect(reader.isMidFrame).toBe(false);
});

test('any cuts give the same messages, from one buffer that is used again', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (sizes) => {
      const { reader, messages } = collect();
      const memory = Buffer.alloc(400);
      for (let at = 0, i = 0; at < STREAM.length; i++) {
        const length = STREAM.copy(memory, 0, at, at + sizes[i % sizes.length]);
        reader.push(memory, length);
        memory.fill(0xff);
        at += length;
      }
      expect(messages).toEqual(MESSAGES);
    }),
    { seed: SEED },
  );
});

test.each([0, 1, 2, 4])('after %i octets of a message the stream is within it', (count) => {
  const { reader } = collect();
  reader.push(frame(Buffer.from('abc')).subarray(0, count));
  expect(reader.isMidFrame).toBe(count > 0);
});

describe('stop', () => {
  test('ends the hand-over within a chunk, and for good', () => {
    const messages: string[] = [];
    const reader: FrameReader = new FrameReader((chunk, start, end) => {
      messages.push(chunk.toString('latin1', start, end));
      reader.stop();
    });
    reader.push(STREAM);
    reader.push(STREAM);
    expect(messages).toEqual(['first']);
  });
});

test('an announced length alone takes no memory', () => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 200 }, () => collect().reader);
  for (const reader of readers) reader.push(Buffer.from([0xff, 0xff, 1, 2, 3]));
  // 200 × 65,535 octets would be 13 MB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
  expect(readers.every((reader) => reader.isMidFrame)).toBe(true);
});
