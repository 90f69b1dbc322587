import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/host/**', 'test/faults/**', 'test/deploy/**'],
    // For machines that do other things as well: no promise is tested by it.
    testTimeout: 60_000,
    hookTimeout: 20_000,
    // Recorded conversations wait more than they work.
    maxConcurrency: 4,
  },
});
