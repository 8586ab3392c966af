/** The files under src and what they import, for the tests of the architecture. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** Relative to src, with slashes. */
  readonly path: string;
  readonly lines: number;
  /** Files of ours relative to src (a leading `../` leads out of it), everything else as written. */
  readonly imports: readonly string[];
}

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
const IMPORT = /(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*)(['"])([^'"\n]+)\1/g;

/** Every TypeScript file under src. */
export function sourceFiles(): SourceFile[] {
  return readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(SRC, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .map((path) => toSourceFile(path, readFileSync(join(SRC, path), 'utf8')));
}

/** A file's imports, as far as they stand in its text. */
export function toSourceFile(path: string, text: string): SourceFile {
  const imports = [...text.matchAll(IMPORT)].map(([, , name = '']) =>
    name.startsWith('.') ? posix.join(dirname(path), name) : name,
  );
  return { path, lines: text.trimEnd().split('\n').length, imports };
}
