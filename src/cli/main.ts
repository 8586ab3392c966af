/** Entry of the `berth` command. */
import { BerthError } from '../errors.ts';
import { bridgeCommand, withCompat } from './bridge-command.ts';
import { createNodeSystem } from './node-system.ts';
import { runCli } from './program.ts';
import { type OpenRelay, stdioCommand } from './stdio-command.ts';

const system = createNodeSystem({
  // Loaded only when asked for: most commands need no gateway in this process.
  launchGateway: async (flags) => {
    const { closeInTime, runGateway } = await import('../main.ts');
    const gateway = await runGateway(flags);
    return { url: gateway.url, close: () => closeInTime(gateway) };
  },
  machine: {
    find: async () => await (await import('../background/main.ts')).findLocalGateway(),
    limits: async (pid) => await (await import('../background/main.ts')).checkLimits(pid),
    launch: async (flags, signal) =>
      await (await import('../background/main.ts')).launchLocalGateway(flags, signal),
    end: async (how) => await (await import('../background/main.ts')).endLocalGateway(how),
  },
  openKeys: async () => await (await import('../main.ts')).openKeyStore(),
});
const relay: OpenRelay = async (request) => {
  const { runRelay } = await import('../relay/main.ts');
  const { stdin: input, stdout: output } = process;
  const { reason, error } = await runRelay({ ...request, input, output });
  // An input that is still open would keep the program alive.
  input.destroy();
  if (reason === 'left') return undefined;
  return error ?? new BerthError('unreachable', 'the session has ended at its server');
};
const bridge = bridgeCommand(
  async (request) => await (await import('../bridge/main.ts')).runBridge(request),
  relay,
);
const extensions = [bridge, stdioCommand(relay)];

process.exitCode = await runCli({ argv: withCompat(process.argv.slice(2)), system, extensions });
