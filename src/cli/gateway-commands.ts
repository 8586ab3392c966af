/** `berth start` and `berth serve`: the gateway itself, in the foreground. */
import type { Command } from 'commander';
import type { CliSystem, RunningGateway } from './cli-system.ts';
import { EXIT } from './failure.ts';
import { begin, type WaitOptions } from './life-commands.ts';
import type { CommandRunner } from './program.ts';

export function addGatewayCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('serve')
    .description('run the gateway until Ctrl-C')
    .action((_options: unknown, command: Command) => run(command, () => serve(system)));
  program
    .command('start [name]')
    .description('run the gateway until Ctrl-C; with a name, start that server again')
    .option('--wait', 'with a name: until it runs or has failed')
    .action((name: string | undefined, options: WaitOptions, command: Command) =>
      run(command, () =>
        name === undefined
          ? serve(system)
          : begin({ name, options, command, system }, (client) => client.start(name)),
      ),
    );
}

/** Resolves when a signal came, or at once when it came before. */
export function untilSignal(system: CliSystem, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = system.onSignal(() => {
      cancel();
      resolve();
    });
    signal.addEventListener('abort', () => {
      cancel();
      resolve();
    });
  });
}

/** The gateway in this process, until a signal; `flags` are settings. */
export async function serve(system: CliSystem, flags: readonly string[] = []): Promise<number> {
  const gateway: RunningGateway = await system.launchGateway(flags);
  try {
    system.out(
      `Berth listens on ${gateway.url}\nNext, in another terminal: berth run everything · berth templates · berth ls\n`,
    );
    await untilSignal(system, new AbortController().signal);
  } finally {
    await gateway.close();
  }
  return EXIT.ok;
}
