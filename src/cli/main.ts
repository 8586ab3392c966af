/** Entry of the `berth` command. */
import { bridgeCommand } from './bridge-command.ts';
import { createNodeSystem } from './node-system.ts';
import { runCli } from './program.ts';

const system = createNodeSystem({
  // Loaded only when asked for: most commands need no gateway in this process.
  launchGateway: async () => await (await import('../main.ts')).runGateway(),
  openKeys: async () => await (await import('../main.ts')).openKeyStore(),
});
const bridge = bridgeCommand(async (request) => await (await import('../bridge/main.ts')).runBridge(request));

process.exitCode = await runCli({ argv: process.argv.slice(2), system, extensions: [bridge] });
