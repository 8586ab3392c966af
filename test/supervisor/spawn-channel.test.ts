/** The channel of a process under berth-spawn keeps the contract of channels. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll } from 'vitest';
import { spawnRemote } from '../../src/supervisor/spawn-process.ts';
import { type ChannelRig, channelContract, LINE_LIMIT } from '../contract/channel.ts';
import { fixtureLaunch, spawnOptions } from '../support/local-process.ts';
import { puppetRig } from '../support/puppet-rig.ts';
import { buildSpawn, type RunningHelper, startHelper } from '../support/spawn-helper.ts';

let helper: RunningHelper;
let puppets = 0;
beforeAll(async () => {
  helper = await startHelper({ program: await buildSpawn() });
});
afterAll(() => helper.close());

async function puppet(): Promise<ChannelRig> {
  const path = join(helper.folder, `puppet-${puppets++}`);
  const server = createServer().listen(path);
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const options = { ...spawnOptions({ maxLineBytes: LINE_LIMIT }), socket: helper.socket };
  const started = await spawnRemote(fixtureLaunch('puppet', [path]), options);
  const [strings] = await connected;
  strings.on('error', () => {});
  const lines = createInterface({ input: strings });
  await once(lines, 'line');
  return puppetRig(started.channel, {
    order: (order) => strings.write(`${JSON.stringify(order)}\n`),
    onReport: (take) => lines.on('line', (line) => take(JSON.parse(line))),
    close: async () => {
      await started.stop({ force: true });
      strings.destroy();
      server.close();
    },
  });
}

channelContract('berth-spawn', puppet);
