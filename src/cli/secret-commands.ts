/** `berth secret`: values that servers refer to. A value is never an argument: those are seen by everybody. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { createContext } from './context.ts';
import { EXIT } from './failure.ts';
import { type ListShape, listText } from './output.ts';
import type { CommandRunner } from './program.ts';

interface SecretAnswer {
  readonly name: string;
  readonly updatedAt: string;
  readonly usedBy: readonly string[];
}

export function addSecretCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const secret = program
    .command('secret')
    .description('secrets that the gateway keeps; servers refer to them as secret:NAME');
  secret
    .command('set <name>')
    .description(
      'keep a value, from standard input, from a file, or typed unseen; servers get it at their next start',
    )
    .option('--from-file <path>', 'read it from a file')
    .action((name: string, { fromFile }: { readonly fromFile?: string }, command: Command) =>
      run(command, () => set(name, fromFile, { command, system })),
    );
  secret
    .command('ls')
    .description('list their names, and who uses them')
    .action((_options: unknown, command: Command) => run(command, () => list(command, system)));
  secret
    .command('rm <name>')
    .description('forget one')
    .option('--force', 'although servers use it')
    .action((name: string, { force = false }: { readonly force?: boolean }, command: Command) =>
      run(command, async () => {
        const { client } = await createContext(command, system);
        await client.send(`${pathOf(name)}?force=${force}`, { method: 'DELETE' });
        return EXIT.ok;
      }),
    );
}

async function set(
  name: string,
  fromFile: string | undefined,
  { command, system }: { readonly command: Command; readonly system: CliSystem },
): Promise<number> {
  const { client } = await createContext(command, system);
  const value = await readValue(name, fromFile, system);
  if (value === undefined) return EXIT.interrupted;
  await client.send(pathOf(name), { method: 'PUT', body: { value } });
  system.err(`Kept. A server gets it with: --secret ${name}=secret:${name}\n`);
  return EXIT.ok;
}

/** Without the end of its line. Undefined when the person has left. */
async function readValue(
  name: string,
  fromFile: string | undefined,
  system: CliSystem,
): Promise<string | undefined> {
  const text =
    fromFile === undefined
      ? system.interactive
        ? await system.askUnseen(`Value of ${name}: `)
        : await system.readInput()
      : await system.readFile(resolve(system.cwd, fromFile)).catch((cause: unknown) => {
          throw new BerthError('bad-input', `the file ${fromFile} cannot be read`, {
            cause,
            hint: 'Correct --from-file.',
          });
        });
  return text?.replace(/\r?\n$/, '');
}

const SHAPE: ListShape<SecretAnswer> = {
  name: ({ name }) => name,
  columns: [
    { head: 'NAME', of: ({ name }) => name },
    { head: 'CHANGED', of: ({ updatedAt }) => updatedAt },
    { head: 'USED BY', of: ({ usedBy }) => usedBy.join(', ') || '-' },
  ],
};

async function list(command: Command, system: CliSystem): Promise<number> {
  const { client, format } = await createContext(command, system);
  const { secrets } = await client.json<{ secrets: SecretAnswer[] }>('/secrets');
  system.out(listText(secrets, format, SHAPE));
  return EXIT.ok;
}

function pathOf(name: string): string {
  return `/secrets/${encodeURIComponent(name)}`;
}
