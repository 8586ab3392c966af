/**
 * The program that looks, in the container of a package that was tried, at what the package has left: it has that user's eyes, and
 * nothing of the package runs any more. Arguments: pairs of the name that a folder has for a reader, and its path. Prints JSON.
 */
import { writtenFiles } from './written-files.ts';

const given = process.argv.slice(2);
const folders = Object.fromEntries(
  given.flatMap((name, index) => (index % 2 === 0 ? [[name, given[index + 1] ?? '']] : [])),
);
process.stdout.write(JSON.stringify(await writtenFiles(folders)));
