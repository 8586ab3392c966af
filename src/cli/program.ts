/** The `berth` command: its grammar, and one place where every command ends. */
import { Command, CommanderError, Option } from 'commander';
import { toBerthError } from '../errors.ts';
import { addCallCommands } from './call-commands.ts';
import { addCatalogCommands } from './catalog-commands.ts';
import { addCatalogFileCommands } from './catalog-file-commands.ts';
import type { CliSystem } from './cli-system.ts';
import { addCompletion } from './completion.ts';
import { addConnectCommand } from './connect-command.ts';
import { wantsJson } from './context.ts';
import { addContextCommands } from './context-commands.ts';
import { addDiscoveryCommands } from './discovery-commands.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { EXIT, exitCodeOf, failureLine, failureText } from './failure.ts';
import { addGatewayCommands } from './gateway-commands.ts';
import { addGroupCommands } from './group-commands.ts';
import { addHealthCommand } from './health-command.ts';
import { addImportCommand } from './import-command.ts';
import { addInspectCommand } from './inspect-command.ts';
import { addKeyCommands } from './key-commands.ts';
import { addLifeCommands } from './life-commands.ts';
import { addLogCommand } from './log-command.ts';
import { addLoginCommands } from './login-commands.ts';
import { FORMATS } from './output.ts';
import { addRegistryCommands } from './registry-commands.ts';
import { addRunCommand } from './run-command.ts';
import { addSecretCommands } from './secret-commands.ts';
import { addServerCommands } from './server-commands.ts';
import { addSessionCommands } from './session-commands.ts';
import { addSettingsCommand } from './settings-command.ts';
import { addUpCommands } from './up-commands.ts';
import { asksForVersion, showVersions } from './versions.ts';

/** Runs one command to its exit code; what it throws is shown. */
export type CommandRunner = (command: Command, action: () => Promise<number>) => Promise<void>;

/** Adds a further command; gets the runner that ends it. */
export type CommandExtension = (program: Command, system: CliSystem, run: CommandRunner) => void;

export interface CliInput {
  /** Without the program and the script. */
  readonly argv: readonly string[];
  readonly system: CliSystem;
  readonly extensions?: readonly CommandExtension[];
}

/** Runs one command line and resolves to its exit code; never rejects. */
export async function runCli({ argv, system, extensions = [] }: CliInput): Promise<number> {
  let exitCode: number = EXIT.ok;
  const run: CommandRunner = async (command, action) => {
    try {
      exitCode = await action();
    } catch (thrown) {
      exitCode = show(thrown, wantsJson(command), system);
    }
  };
  const program = buildProgram(system, run, extensions);
  for (const command of allCommands(program))
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => system.out(text), writeErr: (text) => system.err(text) });
  try {
    if (asksForVersion(program, argv)) await run(program, () => showVersions(program, system));
    else await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return show(thrown, argv.includes('json'), system);
    return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return exitCode;
}

/** The whole grammar of the command. */
export function buildProgram(
  system: CliSystem,
  run: CommandRunner,
  extensions: readonly CommandExtension[] = [],
): Command {
  const program = createProgram(system);
  for (const add of [...COMMANDS, ...extensions]) add(program, system, run);
  addCompletion(program);
  return program;
}

const COMMANDS: readonly CommandExtension[] = [
  addRunCommand,
  addInspectCommand,
  addServerCommands,
  addLogCommand,
  addHealthCommand,
  addLifeCommands,
  addSessionCommands,
  addGroupCommands,
  addCallCommands,
  addConnectCommand,
  addImportCommand,
  addDiscoveryCommands,
  addCatalogCommands,
  addCatalogFileCommands,
  addRegistryCommands,
  addLoginCommands,
  addSecretCommands,
  addKeyCommands,
  addDoctorCommand,
  addContextCommands,
  addGatewayCommands,
  addUpCommands,
  addSettingsCommand,
];

function createProgram(system: CliSystem): Command {
  return new Command('berth')
    .description(
      'Package name in, URL out: runs MCP servers and serves them over Streamable HTTP, SSE and WebSocket',
    )
    .option('--url <url>', 'address of the gateway (BERTH_URL)')
    .option('--context <name>', 'gateway of that name: berth context ls')
    .option('--key-file <path>', 'file with the API key (BERTH_KEY_FILE; the key itself only in BERTH_KEY)')
    .addOption(
      new Option('-o, --output <format>', 'how results are written').choices(FORMATS).default('table'),
    )
    .option('-V, --version', 'say which versions of berth, Node and the gateway these are')
    .showHelpAfterError('(berth --help lists the commands)')
    .configureOutput({ writeOut: (text) => system.out(text), writeErr: (text) => system.err(text) });
}

/** The command and all below it. */
export function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

function show(thrown: unknown, json: boolean, system: CliSystem): number {
  const error = toBerthError(thrown);
  system.err(json ? failureLine(error) : failureText(error));
  // A fault of Berth itself: its text is for whoever looks for it.
  if (error.code === 'internal' && system.env.BERTH_DEBUG && error.cause instanceof Error)
    system.err(`${error.cause.stack ?? ''}\n`);
  return exitCodeOf(error);
}
