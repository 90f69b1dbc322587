/** For vitest's setupFiles: `vi.waitFor` gives up after a second by itself, too soon on a busy machine. */
import { vi } from 'vitest';

const PATIENCE_MS = 30_000;
const { waitFor } = vi;

vi.waitFor = (callback, options = PATIENCE_MS) => waitFor(callback, options);
