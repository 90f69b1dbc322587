import { expect, test } from 'vitest';
import { parseListenAddress } from '../../../src/config/listen-address.ts';

test.each([
  [':8080', '', 8080],
  ['localhost:9153', 'localhost', 9153],
  ['0.0.0.0:9353', '0.0.0.0', 9353],
  ['[::]:9353', '::', 9353],
  ['[fd00::1]:0', 'fd00::1', 0],
])('%s', (text, host, port) => {
  expect(parseListenAddress(text)).toEqual({ host, port, text });
});

test.each([
  '',
  '8080',
  ':',
  'localhost',
  'localhost:',
  'localhost:http',
  ':65536',
  '::1:80',
  '[::1]',
])('%j is no address with a port', (text) => {
  expect(parseListenAddress(text)).toBeNull();
});
