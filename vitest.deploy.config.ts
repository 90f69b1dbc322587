import { defineConfig } from 'vitest/config';

/** Tests of what is deployed: manifests, image, alerts and dashboard. Each part wants its tools. */
// biome-ignore lint/style/noDefaultExport: vitest wants one
export default defineConfig({
  test: {
    include: ['test/deploy/**/*.test.ts'],
    fileParallelism: false,
    // A wait is over when it has what it waits for; vitest's own second is too short for a busy machine.
    expect: { poll: { timeout: 30_000, interval: 20 } },
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
