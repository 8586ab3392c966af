/** The version of this program. */
import { readFileSync } from 'node:fs';

/** Of the package that this program is of. */
export function programVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
  return version;
}
