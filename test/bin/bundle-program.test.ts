import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = join(ROOT, 'scripts/bundle-program.mjs');
const STATE = 'state-of-a-module';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const bundled = () =>
  spawnSync(process.execPath, [SCRIPT, folder, join(folder, 'out'), 'dist/deep/main.js'], {
    encoding: 'utf8',
  });

const PROGRAM = {
  'package.json': '{"type": "module", "version": "1.2.3"}',
  'dist/deep/main.js': [
    "import { argv } from 'node:process';",
    "import { pathToFileURL } from 'node:url';",
    "import { word } from 'tool';",
    "import { version } from '../version.js';",
    "const { late } = await import('./late.js');",
    'const isMain = import.meta.url === pathToFileURL(argv[1]).href;',
    'console.log(JSON.stringify([word, version, late, isMain]));',
  ].join('\n'),
  'dist/deep/late.js': `export const late = '${STATE}';`,
  'dist/version.js': [
    "import { readFileSync } from 'node:fs';",
    "export const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));",
  ].join('\n'),
  'node_modules/tool/package.json': '{"name": "tool", "type": "module", "exports": "./index.js"}',
  'node_modules/tool/index.js': "export const word = 'of a package';",
};

it('a program that is made one file does what it did, and still finds what lies beside its modules', () => {
  write({ ...PROGRAM, 'node_modules/tool/LICENSE': 'As you like.' });
  expect(bundled()).toMatchObject({ status: 0 });
  const files = readdirSync(join(folder, 'out'), { recursive: true, withFileTypes: true });
  const names = files.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  expect(names.map((name) => name.slice(folder.length + 5)).sort()).toEqual([
    'dist/deep/main.js',
    'node_modules/tool/LICENSE',
    'node_modules/tool/package.json',
    'package.json',
  ]);
  for (const place of [folder, join(folder, 'out')]) {
    const said = execFileSync(process.execPath, [join(place, 'dist/deep/main.js')], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual(['of a package', '1.2.3', STATE, true]);
  }
});

it('a package without its licence is refused', () => {
  write(PROGRAM);
  const { status, stderr } = bundled();
  expect(status).toBe(1);
  expect(stderr).toMatch(/node_modules\/tool has no licence/);
});
