import { defineConfig } from 'vitest/config';

const files = (...names: readonly string[]): string[] => names.map((name) => `test/cluster/${name}.test.ts`);
/**
 * They take parts of the cluster away, write what all share in another way (`kubectl apply -k`, the definition), or measure how long something
 * takes: no other file of these runs beside them. They wait more than
 * they work, and come first: what else a machine has to do has time then.
 */
const ALONE = files(
  ...['drained-node', 'killed-gateway', 'killed-parts', 'kustomize', 'network-link', 'network-release'],
);
/** A suite with time limits of its own. */
const TIMED = files('conformance');

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
          name: 'alone',
          include: ALONE,
          maxWorkers: 1,
          fileParallelism: false,
          // Of the order 0 vitest puts what has one worker last.
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/cluster/**/*.test.ts'],
          exclude: [...ALONE, ...TIMED],
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'timed',
          include: TIMED,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
