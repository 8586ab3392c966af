import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import pinned from '../../src/packages/uv-wheels.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { IMAGE_NODE_FLAGS } = (await import(new URL('../../bin/node-flags.mjs', import.meta.url).href)) as {
  IMAGE_NODE_FLAGS: Readonly<Record<string, readonly string[]>>;
};
const SCRIPT = join(ROOT, 'scripts/copy-program.mjs');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-copy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries({ 'package.json': '{}', ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Files that were copied. */
function copied(...args: readonly string[]): string[] {
  const to = join(folder, 'out');
  execFileSync(process.execPath, [SCRIPT, folder, to, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  return readdirSync(to, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(to.length + 1))
    .sort();
}

describe('a program that is copied', () => {
  it('takes along what it imports in any way, and nothing else', () => {
    write({
      'dist/main.js': [
        "import { readFile } from 'node:fs/promises';",
        "import {\n  one,\n  two,\n} from './one.js';",
        "import './effect.js';",
        "export { three } from './deep/three.js';",
        "const late = () => import('./late.js');",
        "export const text = 'a from somewhere';",
      ].join('\n'),
      'dist/one.js': "import data from './data.json' with { type: 'json' };",
      'dist/effect.js': "import { one } from './one.js';",
      'dist/deep/three.js': "import '../effect.js';",
      'dist/late.js': '',
      'dist/data.json': '{}',
      'dist/other.js': '',
    });
    const files = ['data.json', 'deep/three.js', 'effect.js', 'late.js', 'main.js', 'one.js'];
    expect(copied('dist/main.js')).toEqual([...files.map((file) => `dist/${file}`), 'package.json']);
  });

  it('leaves out of packages what only compilers and debuggers read', () => {
    const kept = ['index.js', 'index.d.js', 'LICENSE', 'package.json', 'roadmap'];
    const left = ['index.d.ts', 'index.d.mts', 'index.d.cts', 'index.js.map', 'index.d.ts.map'];
    const inside = (name: string): string => `node_modules/a/${name}`;
    write({
      'dist/main.js': "import 'a';",
      ...Object.fromEntries([...kept, ...left].map((name) => [inside(name), '{}'])),
    });
    expect(copied('dist/main.js')).toEqual(['dist/main.js', ...kept.map(inside), 'package.json'].sort());
  });

  it('takes along packages with what those depend on, where Node would find it', () => {
    write({
      'dist/main.js': "import a from '@scope/a/part';",
      'node_modules/@scope/a/package.json':
        '{"dependencies":{"b":"1"},"optionalDependencies":{"not-here":"1"},"peerDependencies":{"c":"1"}}',
      'node_modules/@scope/a/node_modules/b/package.json': '{"dependencies":{"c":"1"}}',
      'node_modules/b/package.json': '{"dependencies":{"d":"1"}}',
      'node_modules/c/package.json': '{}',
      'node_modules/d/package.json': '{}',
      'node_modules/npm/package.json': '{}',
    });
    const a = ['node_modules/@scope/a/node_modules/b/package.json', 'node_modules/@scope/a/package.json'];
    const rest = ['node_modules/c/package.json', 'package.json'];
    expect(copied('dist/main.js')).toEqual(['dist/main.js', ...a, ...rest]);
    expect(copied('dist/main.js', '--package', 'npm')).toContain('node_modules/npm/package.json');
  });

  it.each([
    ['a module', "import './gone.js';", 'gone.js'],
    ['a package', "import 'gone';", 'gone is not installed'],
  ])('fails when %s is not there', (_what, text, message) => {
    write({ 'dist/main.js': text });
    expect(() => copied('dist/main.js')).toThrow(message);
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });
});

describe('the Dockerfile', () => {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

  it('runs Node with the flags for images', () => {
    const found = text.matchAll(/^FROM lean AS (\w+)$[\s\S]*?^ENTRYPOINT (.*"node".*)$/gm);
    const entries = [...found].map(([, target, json]) => [target, JSON.parse(json!)]);
    const wanted = Object.entries(IMAGE_NODE_FLAGS).map(([target, flags]) => [
      target,
      ['/usr/bin/tini', '--', 'node', ...flags],
    ]);
    expect(entries).toEqual(wanted);
  });

  it('brings the uv that is pinned', () => {
    expect(text).toContain(`FROM ghcr.io/astral-sh/uv:${pinned.version}$`);
  });
});
