/** Numbers that nobody outside can guess (RFC 5452 §9.2), without a system call for each. */
import { randomFillSync } from 'node:crypto';

const POOL_LENGTH = 2048;

const pool = new Uint16Array(POOL_LENGTH);
let used = POOL_LENGTH;

/** A number from 0 to 65,535. */
export function random16(): number {
  if (used === POOL_LENGTH) {
    randomFillSync(pool);
    used = 0;
  }
  return pool[used++];
}

/** A number from 0 to `count − 1`; `count` is at most a few dozen, so the remainder's bias is nil. */
export function randomBelow(count: number): number {
  return random16() % count;
}

/** `value` moved by up to a quarter of itself either way, so that things do not end together. */
export function jittered(value: number): number {
  return value * (0.75 + random16() / 131_072);
}
