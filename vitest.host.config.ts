import { defineConfig } from 'vitest/config';

/** Tests that make network namespaces: as root, one after the other. */
// biome-ignore lint/style/noDefaultExport: vitest wants one
export default defineConfig({
  // The kernel of test/host/uml.sh sees this folder read-only.
  cacheDir: process.env.VITEST_CACHE ?? 'node_modules/.vite',
  test: {
    include: ['test/host/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
