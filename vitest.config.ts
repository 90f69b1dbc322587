import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/host/**', 'test/faults/**', 'test/deploy/**'],
    // For machines that do other things as well: no promise is tested by these.
    // A wait is over when it has what it waits for; vitest's own second is too short for a busy machine.
    setupFiles: ['test/helpers/patience.ts'],
    expect: { poll: { timeout: 30_000, interval: 20 } },
    testTimeout: 60_000,
    hookTimeout: 20_000,
    // Many tests wait more than they work: more at once than there are cores to spare.
    maxWorkers: 2,
    // Recorded conversations wait more than they work.
    maxConcurrency: 4,
  },
});
