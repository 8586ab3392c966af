import { defineConfig } from 'vitest/config';

/** The tests against a real cluster, one file after the other: they share it. */
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.test.ts'],
    setupFiles: ['test/cluster/support/left-behind.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: 'forks',
    fileParallelism: false,
    globals: false,
  },
});
