/** Valid messages, made invalid. */
import fc from 'fast-check';

/** What is done to a message. */
export interface Mutation {
  readonly changes: readonly { readonly at: number; readonly octet: number }[];
  /** Cut after so many octets, of its length; null: not. */
  readonly cut: number | null;
}

const change = fc.record({
  at: fc.nat(),
  octet: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 0x3f, 0xc0, 0xff)),
});

export const mutations: fc.Arbitrary<Mutation> = fc.record({
  changes: fc.array(change, { maxLength: 6 }),
  cut: fc.option(fc.nat(), { freq: 3 }),
});

/** A changed copy of `wire`, from `start` on. */
export function mutate(wire: Buffer, { changes, cut }: Mutation, start = 0): Buffer {
  const copy = Buffer.from(wire);
  for (const { at, octet } of changes) copy[start + (at % (copy.length - start))] = octet;
  return cut === null ? copy : copy.subarray(0, start + (cut % (copy.length - start + 1)));
}
