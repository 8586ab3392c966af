/** `berth catalog list | search | show | stats | rm | history`: what can be run by its name. */
import type { Command } from 'commander';
import {
  catalogueStatistics,
  getTemplate,
  listTemplates,
  type Query,
  type RevisionAnswer,
  removeTemplate,
  type TemplateAnswer,
  templateHistory,
} from './catalog-client.ts';
import { describeTemplate, verifiedWord } from './catalog-view.ts';
import type { CliSystem } from './cli-system.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';
import { formatTable } from './table.ts';

interface ListOptions {
  readonly category?: string;
  readonly type?: string;
  readonly tag?: string[];
  readonly tier?: string;
  readonly status?: string;
  readonly tool?: string;
  readonly verified?: boolean;
  readonly custom?: boolean;
}

export function addCatalogCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('templates')
    .description('list the catalogue, as berth catalog list does')
    .action((_options: unknown, command: Command) => run(command, () => list({}, command, system)));
  const catalog = program
    .command('catalog')
    .description('the catalogue: servers that can be run by their name');
  addFilters(catalog.command('list').alias('ls').description('list templates')).action(
    (options: ListOptions, command: Command) => run(command, () => list(toQuery(options), command, system)),
  );
  addFilters(catalog.command('search <words...>').description('find templates by what they are for')).action(
    (words: string[], options: ListOptions, command: Command) =>
      run(command, () => list({ q: words.join(' '), ...toQuery(options) }, command, system)),
  );
  catalog
    .command('show <template>')
    .description('what a template runs, takes and offers')
    .action((slug: string, _options: unknown, command: Command) =>
      run(command, () => showTemplate(slug, command, system)),
    );
  catalog
    .command('stats')
    .description('how many templates there are, of which kinds')
    .action((_options: unknown, command: Command) => run(command, () => statistics(command, system)));
  catalog
    .command('rm <template>')
    .description('remove a template of your own; servers that were made of it go on')
    .action((slug: string, _options: unknown, command: Command) =>
      run(command, async () => {
        const { client } = await createContext(command, system);
        await removeTemplate(client, slug);
        return EXIT.ok;
      }),
    );
  catalog
    .command('history <template>')
    .description('what was changed of a template of your own, and when')
    .action((slug: string, _options: unknown, command: Command) =>
      run(command, async () => {
        const { client, format } = await createContext(command, system);
        system.out(listText(await templateHistory(client, slug), format, REVISIONS));
        return EXIT.ok;
      }),
    );
}

/** Prints one template; `berth get template` does the same. */
export async function showTemplate(slug: string, command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  const template = await getTemplate(client, slug);
  if (format === 'name') system.out(`${template.slug}\n`);
  else system.out(isData(format) ? valueText(template, format) : describeTemplate(template));
  return EXIT.ok;
}

function addFilters(command: Command): Command {
  return command
    .option('--category <name>', 'only of this category')
    .option('--type <type>', 'only npm, pypi, remote or oci')
    .option('--tag <tag...>', 'only with one of these tags')
    .option('--tier <tier>', 'only reference, official or community')
    .option('--status <status>', 'only active, deprecated or unavailable')
    .option('--tool <name>', 'only with a tool of this name, or with this word in its name')
    .option('--verified', 'only what has been installed and started')
    .option('--custom', 'only templates of your own');
}

function toQuery({ category, type, tag, tier, status, tool, verified, custom }: ListOptions): Query {
  return {
    category,
    type,
    tag,
    tier,
    status,
    capability: tool,
    verified: verified ? 'true' : undefined,
    origin: custom ? 'custom' : undefined,
  };
}

const TEMPLATES: ListShape<TemplateAnswer> = {
  name: ({ slug }) => slug,
  columns: [
    { head: 'TEMPLATE', of: ({ slug }) => slug },
    { head: 'TYPE', of: ({ type }) => type },
    { head: 'CATEGORY', of: ({ category }) => clean(category) },
    { head: 'STATUS', of: ({ status }) => status },
    { head: 'VERIFIED', of: verifiedWord },
    {
      head: 'PACKAGE',
      wide: true,
      of: ({ package: found, remote }) =>
        clean(found ? `${found.type}:${found.name} ${found.version ?? ''}` : (remote?.url ?? '-')),
    },
    { head: 'ORIGIN', wide: true, of: ({ origin }) => origin },
    { head: 'TAGS', wide: true, of: ({ tags }) => clean(tags.join(', ')) },
    { head: 'WHAT', of: ({ description }) => clean(description) },
  ],
};

const REVISIONS: ListShape<RevisionAnswer> = {
  name: ({ revision }) => String(revision),
  columns: [
    { head: 'REVISION', of: ({ revision }) => String(revision) },
    { head: 'AT', of: ({ at }) => at },
    { head: 'CHANGE', of: ({ change }) => change },
  ],
};

async function list(query: Query, command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  const templates = await listTemplates(client, query);
  system.out(listText(templates, format, TEMPLATES));
  if (templates.length === 0 && !isData(format))
    system.err('Nothing fits. All templates: berth catalog list\n');
  return EXIT.ok;
}

async function statistics(command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  const counts = await catalogueStatistics(client);
  if (isData(format)) {
    system.out(valueText(counts, format));
    return EXIT.ok;
  }
  const rows = Object.entries(counts).map(([name, count]) => [
    name,
    typeof count === 'object' && count !== null
      ? Object.entries(count)
          .map(([key, value]) => `${clean(key)} ${value}`)
          .join(', ')
      : String(count),
  ]);
  system.out(formatTable(['WHAT', 'COUNT'], rows));
  return EXIT.ok;
}
