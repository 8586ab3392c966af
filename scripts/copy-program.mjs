/**
 * Copies what a program needs, and nothing else: the compiled modules that its entry points reach, and the packages that those
 * name with all that they depend on. The images are made with it.
 *   node scripts/copy-program.mjs FROM TO [--package NAME]... ENTRY...      e.g. . /out dist/supervisor/main.js
 */
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** What the compiler writes: `from './x.js'`, `import './x.js'` and `import('./x.js')`. */
const IMPORT = /^(?:import|export)\s(?:[\w\s{},*$]*?\sfrom\s)?\s*'([^']+)'|\bimport\('([^']+)'\)/gm;

/** Declarations of types and maps to sources, which no program reads. */
const UNREAD = /\.(?:map|d\.[cm]?ts)$/;

/** The files below `from` that the entries reach, and the packages that they name. Rejects an entry that is not there. */
export function reach(from, entries) {
  const files = new Set();
  const packages = new Set();
  const visit = (file) => {
    if (files.has(file)) return;
    const text = readFileSync(join(from, file), 'utf8');
    files.add(file);
    if (file.endsWith('.json')) return;
    for (const [, stated, called] of text.matchAll(IMPORT)) {
      const name = stated ?? called;
      if (name.startsWith('.')) visit(relative(from, resolve(from, dirname(file), name)));
      else if (!isBuiltin(name)) packages.add(packageOf(name));
    }
  };
  for (const entry of entries) visit(entry);
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/** The folders of the packages and of what they depend on, below `from`; a nested one comes with the package that it is in. */
export function packageFolders(from, names) {
  const folders = new Set();
  const visit = (name, above) => {
    const folder = findPackage(from, name, above);
    if (folder === undefined || folders.has(folder)) return folder !== undefined;
    folders.add(folder);
    const manifest = JSON.parse(readFileSync(join(from, folder, 'package.json'), 'utf8'));
    for (const one of Object.keys(manifest.dependencies ?? {}))
      if (!visit(one, folder)) throw new Error(`${one} is not installed, and ${name} needs it`);
    for (const one of Object.keys({ ...manifest.optionalDependencies, ...manifest.peerDependencies }))
      visit(one, folder);
    return true;
  };
  for (const name of names) if (!visit(name, '')) throw new Error(`${name} is not installed`);
  return [...folders].sort();
}

/** As Node looks for it: beside the one that wants it, then further up. */
function findPackage(from, name, above) {
  for (let folder = above; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(from, found, 'package.json'))) return found;
    if (folder === '' || folder === '.') return undefined;
  }
}

function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function main(args) {
  const options = { package: { type: 'string', multiple: true, default: [] } };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [from, to, ...entries] = positionals;
  if (to === undefined || entries.length === 0)
    throw new Error('usage: copy-program.mjs FROM TO [--package NAME]... ENTRY...');
  const { files, packages } = reach(from, entries);
  for (const path of ['package.json', ...files, ...packageFolders(from, [...packages, ...values.package])]) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(from, path), join(to, path), { recursive: true, filter: (file) => !UNREAD.test(file) });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2));
