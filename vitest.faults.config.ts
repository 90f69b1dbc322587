import { defineConfig } from 'vitest/config';

/** Tests with upstreams that fail under load: one after the other, as they measure time. */
// biome-ignore lint/style/noDefaultExport: vitest wants one
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    fileParallelism: false,
    // A wait is over when it has what it waits for; vitest's own second is too short for a busy machine.
    expect: { poll: { timeout: 30_000, interval: 20 } },
    testTimeout: 60_000,
    hookTimeout: 30_000,
  },
});
