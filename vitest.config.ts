import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Suites with time limits of their own (the official ones): they run when nothing else does. */
const TIMED = [
  'test/conformance/requirements-2026-07-28.test.ts',
  'test/conformance/websocket-2026-07-28.test.ts',
];
/** A file waits half of its time, for programs and registries: on a machine of two processors vitest would have one, and leave half of it to nobody. */
const WORKERS = Math.max(2, availableParallelism() - 1);
const NEVER = ['test/cluster/**', '**/node_modules/**'];

/**
 * Folders whose tests are of modules and need no process of their own: to start one and to load the modules again takes as long as
 * most of these files do.
 */
const IN_ONE_PROCESS = [
  ...[
    'api',
    'architecture',
    'auth',
    'bench',
    'channels',
    'cli',
    'client',
    'cluster-unit',
    'control',
    'controller',
    'discovery',
    'docs',
  ],
  ...[
    'groups',
    'helm',
    'inspection',
    'jsonrpc',
    'link',
    'log',
    'metrics',
    'packages',
    'protocol',
    'runtimes',
    'servers',
    'sessions',
  ],
  ...['settings', 'store', 'templates', 'traces', 'transports', 'trees'],
].map((folder) => `test/${folder}/**/*.test.ts`);
/** They change what belongs to the whole process (its environment, its clock), or start and kill programs. */
const BY_THEMSELVES = [
  'test/cluster-unit/exec-pace.test.ts',
  'test/cluster-unit/kube-config.test.ts',
  'test/controller/crash.test.ts',
  'test/controller/two-leaders.test.ts',
  'test/inspection/inspector.test.ts',
  'test/link/killed-gateway.test.ts',
  'test/packages/silence.test.ts',
  'test/servers/remote-servers.test.ts',
];

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
          name: 'isolated',
          include: ['test/**/*.test.ts'],
          exclude: [...TIMED, ...NEVER, ...IN_ONE_PROCESS],
          maxWorkers: WORKERS,
          // Programs and installations first: they wait more than what comes behind. Of the order 0 vitest puts what has one worker last.
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'by themselves',
          include: BY_THEMSELVES,
          exclude: NEVER,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'in one process',
          include: IN_ONE_PROCESS,
          exclude: [...BY_THEMSELVES, ...NEVER],
          isolate: false,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: 'timed',
          include: TIMED,
          exclude: NEVER,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
