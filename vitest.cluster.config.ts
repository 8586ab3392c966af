import { defineConfig } from 'vitest/config';

/**
 * They take parts of the cluster away, measure how long something takes, or have time limits of their own: nothing else runs beside
 * them.
 */
const ALONE = [
  'conformance',
  'drained-node',
  'killed-gateway',
  'killed-parts',
  'mixed-versions',
  'network-link',
  'network-release',
].map((name) => `test/cluster/${name}.test.ts`);

/** The tests against a real cluster. They share it: each has names and namespaces of its own. */
export default defineConfig({
  test: {
    setupFiles: ['test/cluster/support/left-behind.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: 'forks',
    globals: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/cluster/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALONE,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
