/** `berth settings`: what the gateway runs with, and where each setting was given. */
import type { Command } from 'commander';
import type { CliSystem } from './cli-system.ts';
import { createContext } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { type ListShape, listText } from './output.ts';
import type { CommandRunner } from './program.ts';

interface SettingAnswer {
  readonly key: string;
  readonly value: unknown;
  readonly source: string;
}

const SETTINGS: ListShape<SettingAnswer> = {
  name: ({ key }) => key,
  columns: [
    { head: 'SETTING', of: ({ key }) => key },
    { head: 'VALUE', of: ({ value }) => valueText(value) },
    { head: 'GIVEN BY', of: ({ source }) => clean(source) },
  ],
};

export function addSettingsCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('settings')
    .description('show what the gateway runs with, and where each setting was given')
    .option('--given', 'only what was given somewhere')
    .action(({ given = false }: { readonly given?: boolean }, command: Command) =>
      run(command, async () => {
        const { client, format } = await createContext(command, system);
        const { settings } = await client.json<{ settings: SettingAnswer[] }>('/settings');
        const shown = settings.filter(({ source }) => !given || source !== 'default');
        system.out(listText(shown, format, SETTINGS));
        return EXIT.ok;
      }),
    );
}

function valueText(value: unknown): string {
  if (value === null) return '-';
  return clean(typeof value === 'string' ? value : JSON.stringify(value));
}
