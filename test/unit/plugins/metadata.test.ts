import { expect, test } from 'vitest';
import { metadata } from '../../../src/plugins/metadata.ts';
import { parseWith } from '../../helpers/directive.ts';

test('its zones are read', () => {
  expect(parseWith(metadata, 'metadata')).toEqual({ zones: [] });
  expect(parseWith(metadata, 'metadata a b\nmetadata c')).toEqual({ zones: ['a', 'b', 'c'] });
});
