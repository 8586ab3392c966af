/**
 * Makes one file of a program and of the packages that it names: Node reads, resolves and compiles a few hundred modules in twice the time
 * that a program takes which has little else to do before it serves. The licences of the packages lie beside it. The image of the supervisor is made with it.
 *   node scripts/bundle-program.mjs FROM TO ENTRY      e.g. . /out dist/supervisor/main.js
 */
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { packageFolders, reach } from './copy-program.mjs';

const LICENCE = /^(?:licen[cs]e|notice|copying)(?:[.-].*)?$/i;

/** Rejects an entry that is not there, and a package without its licence. */
export async function bundle(from, to, entry) {
  const { packages } = reach(from, [entry]);
  const place = resolve(from, dirname(entry));
  const made = await rolldown({
    ...{ input: resolve(from, entry), platform: 'node', cwd: resolve(from) },
    plugins: [ownPlaces(place)],
  });
  await made.write({ file: join(to, entry), format: 'esm', codeSplitting: false });
  await made.close();
  cpSync(join(from, 'package.json'), join(to, 'package.json'));
  for (const folder of packageFolders(from, packages)) copyLicence(join(from, folder), join(to, folder));
}

/** A module still finds what lies beside it, such as the package.json that has the version. */
function ownPlaces(place) {
  return {
    name: 'own-places',
    transform: (code, id) => {
      const other = /\bimport\.meta\.(?!url\b)\w+/.exec(code);
      if (other) throw new Error(`${id} asks for ${other[0]}, which would be that of the one file`);
      if (!code.includes('import.meta.url')) return undefined;
      const own = `new URL(${JSON.stringify(relative(place, id))}, import.meta.url).href`;
      return code.replaceAll('import.meta.url', own);
    },
  };
}

function copyLicence(from, to) {
  const names = readdirSync(from).filter((name) => LICENCE.test(name));
  if (names.length === 0) throw new Error(`${from} has no licence that could lie beside the program`);
  mkdirSync(to, { recursive: true });
  for (const name of ['package.json', ...names]) cpSync(join(from, name), join(to, name));
}

async function main([from, to, entry]) {
  if (entry === undefined) throw new Error('usage: bundle-program.mjs FROM TO ENTRY');
  await bundle(from, to, entry);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));
