/** `berth completion`: scripts by which shells complete commands, options and their choices; shells then ask `berth complete`. */
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** To be called when every other command is there. The library writes to standard output itself. */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
}
