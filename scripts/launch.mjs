/**
 * What `npm start`, `npm test`, `npm run coverage`, `npm run berth` and `npm run bench` run: sets the checkout up with any Node
 * from 20 on, then runs the program on the pinned Node. Arguments after the name of the program are the program's.
 */
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { findNode } from '../bin/find-node.mjs';
import { NODE_FLAGS } from '../bin/node-flags.mjs';
import { runChild } from '../bin/run-child.mjs';
import { build, install, ROOT } from './set-up.mjs';

const PROGRAMS = {
  start: ['dist/main.js'],
  berth: ['dist/cli/main.js'],
  test: ['node_modules/vitest/vitest.mjs', 'run'],
  coverage: ['node_modules/vitest/vitest.mjs', 'run', '--coverage'],
  bench: ['bench/main.ts'],
  'catalogue:check': ['scripts/catalogue-check/main.ts'],
  'clients:check': ['scripts/clients-check/main.ts'],
  'test:cluster': ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.cluster.config.ts'],
};

async function main([name = '', ...args]) {
  const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
  if (program === undefined)
    throw new Error(`usage: launch.mjs ${Object.keys(PROGRAMS).join('|')} [arguments]`);
  if (name === 'test:cluster' && !process.env.KUBECONFIG)
    throw new Error('KUBECONFIG is not set: it must name the kubeconfig of a cluster that tests may use.');
  await install();
  const found = findNode();
  if (found.problem !== undefined) throw new Error(found.problem);
  await build(found.file);
  const [script, ...first] = program;
  const options = { cwd: workingFolder(name), env: { ...environment(found.file), ...codeCache(name) } };
  const flags = name === 'start' || name === 'berth' ? NODE_FLAGS : [];
  return runChild(found.file, [...flags, join(ROOT, script), ...first, ...args], options);
}

/** npm changes into the checkout; the command means paths where it was typed. */
function workingFolder(name) {
  if (name !== 'berth') return ROOT;
  return (process.env.npm_lifecycle_event === 'berth' && process.env.INIT_CWD) || process.cwd();
}

/** The pinned Node comes first on the path, so that tests and benchmarks that say `node` mean it. */
function environment(node) {
  return { ...process.env, PATH: [dirname(node), process.env.PATH].filter(Boolean).join(delimiter) };
}

/** Each file of tests is a process, which starts sooner with the code that another has compiled; what is covered is counted without. */
function codeCache(name) {
  return name.startsWith('test') ? { NODE_COMPILE_CACHE: join(tmpdir(), 'berth-test-code') } : {};
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
