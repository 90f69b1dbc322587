import { defineConfig } from 'vitest/config';

/** How much slower than a machine the kernel of test/host/uml.sh is. */
const slowness = Number(process.env.HOST_TEST_SLOWNESS ?? 1);

/** Tests that make network namespaces: as root, one after the other. */
// biome-ignore lint/style/noDefaultExport: vitest wants one
export default defineConfig({
  // The kernel of test/host/uml.sh sees this folder read-only.
  cacheDir: process.env.VITEST_CACHE ?? 'node_modules/.vite',
  test: {
    include: ['test/host/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000 * slowness,
    hookTimeout: 120_000 * slowness,
  },
});
