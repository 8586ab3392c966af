/** What a client is to be told, as edits of its file. */
import { BerthError } from '../errors.ts';
import type { ClientDefinition, Edit, Entry, ProgramTarget, ServerTarget } from './client.ts';
import { editFile, entryOf, parseFile, serverEdit } from './edit-file.ts';

export interface ConfigureInput {
  readonly client: ClientDefinition;
  readonly targets: readonly ServerTarget[];
  /** The program that relays its standard streams to a URL, for clients that start programs, or that cannot refer to a key. */
  readonly relay: (url: string) => ProgramTarget | undefined;
  /** Always the program. */
  readonly asProgram?: boolean;
}

/** The entry of each server, and what else the file needs. Throws `not-allowed` where a key would have to be written down. */
export function clientEdits(input: ConfigureInput): Edit[] {
  const { client, targets } = input;
  return targets.flatMap((target) => {
    const { entry, extra } = entryFor(target, input);
    return [serverEdit(target.name, entry, client), ...extra];
  });
}

/** The file's text with all edits made. Throws `conflict` for an entry that is there and says something else. */
export function applyToFile(
  text: string,
  edits: readonly Edit[],
  { client, replace }: { readonly client: ClientDefinition; readonly replace: boolean },
): string {
  if (!replace) for (const edit of edits) refuseForeign(parseFile(text, client), edit, client);
  return edits.reduce((edited, edit) => editFile(edited, edit, client), text);
}

/** A file that has nothing but the edits: what is printed. */
export function snippet(edits: readonly Edit[], client: ClientDefinition): string {
  return edits.reduce((text, edit) => editFile(text, edit, client), '');
}

function entryFor(
  target: ServerTarget,
  { client, relay, asProgram = false }: ConfigureInput,
): { entry: Entry; extra: readonly Edit[] } {
  const needsFile = target.keyVariable !== undefined && !client.takesReference;
  if (client.remote && !asProgram && !needsFile)
    return { entry: client.remote(target), extra: client.extra?.(target) ?? [] };
  const program = relay(target.url);
  if (program) return { entry: client.program(program), extra: [] };
  throw new BerthError(
    'not-allowed',
    `${client.title} cannot refer to a key, and none is written into its file`,
    {
      hint: 'Put the key into a file that only you can read, and say --key-file: the client then starts a program that reads it.',
    },
  );
}

function refuseForeign(file: Entry, { path, value, listKey }: Edit, client: ClientDefinition): void {
  const name = listKey === undefined ? path.at(-1) : (value as Entry)[listKey];
  if (listKey !== undefined && listKey !== 'name') return;
  const found = entryOf(file, String(name), client);
  if (found === undefined || isSame(found, value)) return;
  throw new BerthError(
    'conflict',
    `${client.title} has a server ${String(name)} already, with other settings`,
    {
      hint: 'Use --replace to put this one in its place, or --as to give it another name.',
    },
  );
}

function isSame(found: unknown, value: unknown): boolean {
  return JSON.stringify(sorted(found)) === JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
