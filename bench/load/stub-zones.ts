/** Stub domains, as some clusters have one for each team or customer. */
import { STUB_PARENT } from './upstream.ts';

/** Server blocks beside the stock ones, of ten zones each. */
export const STUB_BLOCKS = 100;
const ZONES_PER_BLOCK = 10;

/** The zones of one of these blocks. */
export function stubZones(blockNumber: number): string[] {
  return Array.from(
    { length: ZONES_PER_BLOCK },
    (_, i) => `stub-${blockNumber}-${i}.${STUB_PARENT}`,
  );
}
