import { defineConfig } from 'vitest/config';

/** Tests of what is deployed: manifests, image, alerts and dashboard. Each part wants its tools. */
// biome-ignore lint/style/noDefaultExport: vitest wants one
export default defineConfig({
  test: {
    include: ['test/deploy/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
