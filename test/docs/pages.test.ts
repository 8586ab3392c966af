/** What the pages tell a reader to type, open or look up is there. */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import type { GroupRoutesInput } from '../../src/api/group-routes.ts';
import type { Installation } from '../../src/api/health-routes.ts';
import { bridgeCommand } from '../../src/cli/bridge-command.ts';
import { runCli } from '../../src/cli/program.ts';
import { stdioCommand } from '../../src/cli/stdio-command.ts';
import { settingsHelp } from '../../src/settings/help.ts';
import { createFixture } from '../servers/doubles.ts';
import { anchorsOf, codeOf, linksOf, pagePaths, ROOT, readPage } from './pages.ts';

/** Hosts that a page may name: examples, and the format's own home. */
const HOSTS = /^(127\.0\.0\.1|localhost|semver\.org|modelcontextprotocol\.io|([a-z-]+\.)*example\.com)$/;

async function helpOf(...argv: string[]): Promise<string> {
  const written: string[] = [];
  const write = (text: string): void => {
    written.push(text);
  };
  const system = { out: write, err: write, env: {} } as never;
  const never = () => Promise.reject(new Error('only its help is asked for'));
  await runCli({
    argv: [...argv, '--help'],
    system,
    extensions: [bridgeCommand(never, never), stdioCommand(never)],
  });
  return written.join('');
}

const pages = pagePaths();

describe.each(pages)('%s', (path) => {
  const page = readPage(path);

  it('links only to what is there', () => {
    const broken = linksOf(page).filter((link) => {
      if (/^https?:/.test(link)) return !HOSTS.test(new URL(link).hostname);
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : normalize(join(dirname(path), file));
      if (target.startsWith('..') || !existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(readPage(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names npm commands that the project has', () => {
    const { scripts } = JSON.parse(readPage('package.json')) as { scripts: Record<string, string> };
    const named = [...codeOf(page).matchAll(/npm (?:run )?([a-z]+(?::[a-z]+)*)\b/g)]
      .map((match) => ({ text: match[0], script: match[1] ?? '' }))
      .filter(({ text, script }) => text.startsWith('npm run ') || script === 'start' || script === 'test');
    expect(named.filter(({ script }) => scripts[script] === undefined)).toEqual([]);
  });
});

describe('what the pages tell to type', () => {
  const code = pages
    .filter((path) => path === 'README.md' || path.startsWith('docs/'))
    .map((path) => codeOf(readPage(path)))
    .join('\n');

  it('are commands of berth', async () => {
    const known = [...(await helpOf()).matchAll(/^ {2}([a-z]+)(?:\|([a-z]+))?\b/gm)];
    const named = [...code.matchAll(/\bberth (?:-- )?([a-z]+)/g)].map((match) => match[1]);
    expect(named.length).toBeGreaterThan(10);
    const names = known.flatMap(([, name, alias]) => [name, alias]);
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('are settings', () => {
    const flags = [...code.matchAll(/npm start --([^\n#]*)/g)].flatMap((match) =>
      [...(match[1] ?? '').matchAll(/--[a-z-]+/g)].map(([flag]) => flag),
    );
    const known = ['--config', '--name', '--no-name', ...settingsHelp().map(({ flag }) => flag)];
    expect(flags.length).toBeGreaterThan(2);
    expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
  });
});

describe('the page of the API', () => {
  it('has every route, and no other', async () => {
    const installation = {} as Installation;
    const groups = {} as GroupRoutesInput;
    const routes = createApi({ ...(await createFixture()), installation, groups })
      .routes.filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')}`);
    const named = [
      ...readPage('docs/api.md').matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/(?:api|v0\.1)\/[^`?]*)/g),
    ];
    expect(new Set(named.map((match) => match[1]))).toEqual(new Set(routes));
  });
});
