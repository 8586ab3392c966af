#!/usr/bin/env node
/** The `berth` command of the published package. */
import { fileURLToPath } from 'node:url';
import { findNode, isNewEnough } from './find-node.mjs';
import { NODE_FLAGS } from './node-flags.mjs';
import { runChild } from './run-child.mjs';

const program = new URL('../dist/cli/main.js', import.meta.url);

if (isNewEnough(process.version)) {
  await import(program.href);
} else {
  const found = findNode();
  if (found.problem === undefined) {
    process.exitCode = await runChild(found.file, [
      ...NODE_FLAGS,
      fileURLToPath(program),
      ...process.argv.slice(2),
    ]);
  } else {
    console.error(found.problem);
    process.exitCode = 1;
  }
}
