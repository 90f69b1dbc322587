import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/host/**', 'test/faults/**', 'test/deploy/**'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Recorded conversations wait more than they work.
    maxConcurrency: 4,
  },
});
