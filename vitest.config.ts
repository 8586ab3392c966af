import { defineConfig } from 'vitest/config';

/** Suites with time limits of their own (the official ones): they run when nothing else does. */
const TIMED = [
  'test/conformance/requirements-2026-07-28.test.ts',
  'test/conformance/websocket-2026-07-28.test.ts',
];
const NEVER = ['test/cluster/**', '**/node_modules/**'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    globals: false,
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: [...TIMED, ...NEVER],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'timed',
          include: TIMED,
          exclude: NEVER,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
