/** How the bench starts Berth: the `bridge` command, from the build when there is one, else from the sources. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
// @ts-expect-error: a plain module that any Node from 20 on can load has no types
import { NODE_FLAGS } from '../bin/node-flags.mjs';

const CANDIDATES = ['../dist/cli/main.js', '../src/cli/main.ts'];

/** The program of the command line; undefined when this checkout has none yet. */
export function berthProgram(): string | undefined {
  return CANDIDATES.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) =>
    existsSync(path),
  );
}

/** The command line that serves one stdio program at `/mcp`, `/sse` + `/message` and `/ws`. */
export function berthArgs(port: number, command: readonly string[], spares: number): string[] {
  const program = berthProgram() ?? '';
  const spareArgs = spares > 0 ? ['--spares', String(spares)] : [];
  return [...NODE_FLAGS, program, 'bridge', '--port', String(port), ...spareArgs, '--', ...command];
}

/** The idle case opens more sessions from one caller than a gateway takes by default. */
export const BERTH_ENV = { BERTH_LIMITS_SESSIONS: '2000' };
