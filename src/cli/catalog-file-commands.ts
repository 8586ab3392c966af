/** `berth catalog import | export | validate`: templates as files. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { BerthError } from '../errors.ts';
import { exportCatalogue, type ImportAnswer, importTemplates, validateTemplate } from './catalog-client.ts';
import type { CliSystem } from './cli-system.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

/** Bytes of one request of an import; the gateway takes no larger ones. */
const MOST_BYTES = 256 * 1024;

interface ExportOptions {
  readonly format: string;
  readonly custom?: boolean;
}

export function addCatalogFileCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const catalog =
    program.commands.find((command) => command.name() === 'catalog') ?? program.command('catalog');
  catalog
    .command('import <file>')
    .description(
      'add templates of a file (- for standard input): an export, a server.json, an answer of an MCP registry',
    )
    .option('--replace', 'also take the place of templates of your own')
    .action((file: string, { replace = false }: { replace?: boolean }, command: Command) =>
      run(command, () => importFile({ file, replace, command, system })),
    );
  catalog
    .command('export [templates...]')
    .description('write templates to standard output; without names all of them')
    .addOption(
      new Option('--format <format>', 'form of the file').choices(['berth', 'registry']).default('berth'),
    )
    .option('--custom', 'only templates of your own')
    .action((slugs: string[], options: ExportOptions, command: Command) =>
      run(command, () => exportFile({ slugs, options, command, system })),
    );
  catalog
    .command('validate <file>')
    .description('check a template (- for standard input) without adding it')
    .action((file: string, _options: unknown, command: Command) =>
      run(command, () => validateFile(file, command, system)),
    );
}

async function importFile({
  file,
  replace,
  command,
  system,
}: {
  readonly file: string;
  readonly replace: boolean;
  readonly command: Command;
  readonly system: CliSystem;
}): Promise<number> {
  const { client, format } = await createContext(command, system);
  const imported: ImportAnswer['imported'][number][] = [];
  const skipped: ImportAnswer['skipped'][number][] = [];
  for (const part of inParts(await readJsonFile(file, system))) {
    const answer = await importTemplates(client, part, replace);
    imported.push(...answer.imported);
    skipped.push(...answer.skipped);
  }
  if (isData(format)) system.out(valueText({ imported, skipped }, format));
  else {
    for (const slug of imported) system.out(`${format === 'name' ? slug : `+ ${slug}`}\n`);
    for (const { name, detail } of skipped) system.err(`✗ ${clean(name || '(no name)')}: ${clean(detail)}\n`);
  }
  return skipped.length > 0 && imported.length === 0 ? EXIT.usage : EXIT.ok;
}

async function exportFile({
  slugs,
  options,
  command,
  system,
}: {
  readonly slugs: readonly string[];
  readonly options: ExportOptions;
  readonly command: Command;
  readonly system: CliSystem;
}): Promise<number> {
  const { client, format } = await createContext(command, system);
  const file = await exportCatalogue(client, {
    format: options.format,
    slug: slugs,
    origin: options.custom ? 'custom' : undefined,
  });
  system.out(valueText(file, format));
  return EXIT.ok;
}

async function validateFile(file: string, command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  const answer = await validateTemplate(client, await readJsonFile(file, system));
  if (isData(format)) system.out(valueText(answer, format));
  else if (answer.valid)
    system.out(
      `${answer.slug} is valid${answer.taken ? '; there is a template of that name already' : ''}\n`,
    );
  else {
    system.err(`✗ ${clean(answer.detail ?? 'it is not valid')}\n`);
    for (const { pointer, detail } of answer.errors ?? [])
      system.err(`  ${clean(pointer)} ${clean(detail)}\n`);
  }
  return answer.valid ? EXIT.ok : EXIT.usage;
}

async function readJsonFile(file: string, system: CliSystem): Promise<unknown> {
  const read = file === '-' ? system.readInput() : system.readFile(file);
  const text = await read.catch((cause: unknown) => {
    throw new BerthError('bad-input', `the file ${file} cannot be read`, { cause, hint: 'Check its name.' });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BerthError('bad-input', `the file ${file} is not valid JSON`, {
      cause,
      hint: 'Give a server.json, an export of berth catalog export, or an answer of an MCP registry.',
    });
  }
}

/** A file that is too large for one request, a few templates at a time. */
function inParts(value: unknown): unknown[] {
  const list = listOf(value);
  if (!list || Buffer.byteLength(JSON.stringify(value)) <= MOST_BYTES) return [value];
  const parts: unknown[][] = [[]];
  let bytes = 0;
  for (const item of list) {
    const size = Buffer.byteLength(JSON.stringify(item));
    if (bytes > 0 && bytes + size > MOST_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(item);
    bytes += size;
  }
  return parts;
}

function listOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { templates, servers, data } = value as { templates?: unknown; servers?: unknown; data?: unknown };
  return [templates, servers].find(Array.isArray) ?? (data === undefined ? undefined : listOf(data));
}
