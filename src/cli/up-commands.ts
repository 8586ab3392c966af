/** `berth up` and `berth down`: the gateway of this machine, in the foreground or in the background. */
import type { Command } from 'commander';
import type { Ended } from '../background/end.ts';
import type { CliSystem } from './cli-system.ts';
import { wantsJson } from './context.ts';
import { EXIT } from './failure.ts';
import { serve } from './gateway-commands.ts';
import type { CommandRunner } from './program.ts';

export function addUpCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('up')
    .description('run the gateway of this machine, with the servers that ran when it ended')
    .argument('[settings...]', 'settings as flags, such as --port 8054')
    .option('-d, --detach', 'in the background: it goes on when the terminal is closed, until berth down')
    .allowUnknownOption()
    .action((settings: readonly string[], { detach }: { readonly detach?: boolean }, command: Command) =>
      run(command, () => (detach ? launch(settings, wantsJson(command), system) : serve(system, settings))),
    );
  program
    .command('down')
    .description('end the gateway of this machine and every process that it started')
    .option('--force', 'without grace')
    .action(({ force = false }: { readonly force?: boolean }, command: Command) =>
      run(command, () => end(force, wantsJson(command), system)),
    );
}

async function launch(settings: readonly string[], json: boolean, system: CliSystem): Promise<number> {
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort(new Error('interrupted')));
  try {
    const { url, pid, logFile } = await system.machine.launch(settings, leaving.signal);
    if (json) system.out(`${JSON.stringify({ url, pid, logFile })}\n`);
    else
      system.out(
        `Berth listens on ${url} (pid ${pid}), until: berth down\nIts log: ${logFile}\nNext: berth run everything · berth templates · berth ls\n`,
      );
    return EXIT.ok;
  } catch (thrown) {
    if (leaving.signal.aborted) return EXIT.interrupted;
    throw thrown;
  } finally {
    cancel();
  }
}

async function end(force: boolean, json: boolean, system: CliSystem): Promise<number> {
  const ended = await system.machine.end({ force });
  if (json) system.out(`${JSON.stringify(ended)}\n`);
  else system.out(`${endText(ended)}\n`);
  return EXIT.ok;
}

function endText({ state, pid }: Ended): string {
  switch (state) {
    case 'none':
      return 'No gateway runs here.';
    case 'stale':
      return `The gateway (pid ${pid}) was dead already; what it had left has been cleared away.`;
    case 'ended':
      return `The gateway (pid ${pid}) has ended.`;
    case 'killed':
      return `The gateway (pid ${pid}) was killed, and every process that it had left.`;
  }
}
