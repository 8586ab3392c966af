import { describe, expect, it } from 'vitest';
import { breaches } from './rules.ts';
import { sourceFiles, toSourceFile } from './source-files.ts';

const MAX_LINES = 400;

describe('the source', () => {
  const files = sourceFiles();

  it('is found', () => {
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['errors.ts', 'settings/schema.ts']),
    );
  });

  it('imports only in the direction of the design', () => {
    expect(files.flatMap(breaches)).toEqual([]);
  });

  it('has no file of more than 400 lines', () => {
    expect(
      files.filter(({ lines }) => lines > MAX_LINES).map(({ path, lines }) => `${path}: ${lines}`),
    ).toEqual([]);
  });
});

describe('the rules', () => {
  const breachesOf = (path: string, statement: string): string[] => breaches(toSourceFile(path, statement));

  it.each([
    ['sessions/x.ts', "import { a } from '../servers/server-manager.ts';"],
    ['sessions/lanes/x.ts', "import type { A } from '../../api/app.ts';"],
    ['transports/x.ts', "import { Hono } from 'hono';"],
    ['transports/x.ts', "import { a } from '@modelcontextprotocol/server/x';"],
    ['link/x.ts', "const a = await import('../packages/packages.ts');"],
    ['jsonrpc/x.ts', "import {\n  a,\n  b,\n} from '../channels/channel.ts';"],
    ['jsonrpc/x.ts', "export { a } from '../channels/channel.ts';"],
    ['channels/x.ts', "import '../sessions/session.ts';"],
    ['servers/x.ts', "import { a } from '../supervisor/supervisor.ts';"],
    ['servers/x.ts', "import { a } from '@kubernetes/client-node';"],
    ['servers/x.ts', "import { a } from '../main.ts';"],
    ['api/x.ts', "import { a } from '../../test/support/x.ts';"],
    ['main.ts', "import { a } from '../test/support/x.ts';"],
    ['errors.ts', "import { a } from './sessions/session.ts';"],
    ['elsewhere/x.ts', "import { a } from '../errors.ts';"],
  ])('refuse %s with %s', (path, statement) => {
    expect(breachesOf(path, statement)).toHaveLength(1);
  });

  it.each([
    ['sessions/lanes/x.ts', "import { a } from '../session.ts';"],
    ['sessions/x.ts', "import type { A } from '../supervisor/server-process.ts';"],
    ['servers/x.ts', "import { BerthError } from '../errors.ts';"],
    ['api/app.ts', "import { Hono } from 'hono';"],
    ['main.ts', "import { a } from './supervisor/supervisor.ts'; import { serve } from '@hono/node-server';"],
    ['supervisor/main.ts', "import { a } from '../settings/load.ts';"],
    ['cluster/x.ts', "import { a } from '@kubernetes/client-node';"],
  ])('allow %s with %s', (path, statement) => {
    expect(breachesOf(path, statement)).toEqual([]);
  });
});
