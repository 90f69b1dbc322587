import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ControlError } from '../../../src/control/control-error.ts';
import { readRequest } from '../../../src/control/requests.ts';

test('a request is read with nothing but what belongs to it', () => {
  const line = '{"command":"explain","name":"a.","type":"A","from":"10.0.0.1","more":1}';
  expect(readRequest(line)).toEqual({
    command: 'explain',
    name: 'a.',
    type: 'A',
    from: '10.0.0.1',
    skipCache: false,
  });
  const skipping = readRequest(line.replace('"more":1', '"skipCache":true'));
  expect(skipping).toMatchObject({ skipCache: true });
  expect(readRequest('{"command":"state"}')).toEqual({ command: 'state' });
});

test.each([
  ['', 'the request is no JSON'],
  ['null', 'the request is no JSON object'],
  ['{"command":7}', '"command" is to be a text'],
  ['{"command":"reboot"}', 'this version knows no "reboot"'],
  ['{"command":"flush"}', '"zone" is to be a text'],
])('%s is refused: %s', (line, message) => {
  expect(() => readRequest(line)).toThrow(new ControlError(message));
});

test('whatever comes is read or refused', () => {
  const lines = fc.oneof(fc.string(), fc.json());
  fc.assert(
    fc.property(lines, (line) => {
      try {
        readRequest(line);
      } catch (error) {
        expect(error).toBeInstanceOf(ControlError);
      }
    }),
    { seed: 11 },
  );
});
