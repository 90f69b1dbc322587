/** Calls into the C library for what Node has no API for, where koffi can be loaded. */
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/** Koffi itself, and the C library that Node is linked with. */
export interface CLibrary {
  readonly koffi: typeof Koffi;
  readonly libc: ReturnType<typeof Koffi.load>;
}

let loaded: CLibrary | null = null;

/** Loads it at the first call. Throws where that cannot be done. */
export function loadCLibrary(): CLibrary {
  if (loaded !== null) return loaded;
  // Not an import: a native part that is missing must not keep the daemon from starting.
  const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
  loaded = { koffi, libc: koffi.load(null) };
  return loaded;
}
