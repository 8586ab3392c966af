/** A group of servers that a manager starts and stops: processes of the fixture in the place of packages. */
import { randomBytes } from 'node:crypto';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, expect, it } from 'vitest';
import { LOCAL_PRINCIPAL } from '../../src/auth/principal.ts';
import { createSealer } from '../../src/auth/seal.ts';
import { createGroupEndpoint } from '../../src/control/group-endpoint.ts';
import { GroupLists } from '../../src/groups/group-lists.ts';
import { parseGroup } from '../../src/groups/group-spec.ts';
import { Groups } from '../../src/groups/groups.ts';
import { createInProcessLink } from '../../src/link/in-process.ts';
import { createLocalHost } from '../../src/runtimes/local-host.ts';
import { ServerCalls } from '../../src/servers/server-calls.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';
import { createOwnCalls } from '../../src/transports/own-calls.ts';
import { createFixture, FakePackages } from '../servers/doubles.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { TEST_LIMITS } from '../support/gateway.ts';
import { eventually, spawnOptions, table } from '../support/local-process.ts';
import { ownSeal } from '../support/own-seal.ts';

class FixturePackages extends FakePackages {
  override launch(...[tree, input]: Parameters<FakePackages['launch']>) {
    const { file, args, env } = fixtureLaunch('legacy');
    return { ...super.launch(tree, input), file, args: [...args], env: { ...env, HOME: input.home } };
  }
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start() {
  const host = createLocalHost({ owner: spawnOptions().owner, table });
  closing.push(() => host.close({ force: true }));
  const { again } = await createFixture();
  const manager = again({ host, packages: new FixturePackages() });
  closing.push(() => manager.close());
  for (const name of ['first', 'second'])
    await manager.run(parseServerSpec({ name, source: { npm: { name } } }), { wait: true });
  const link = createInProcessLink(host.supervisor);
  const ask = createOwnCalls({
    directory: manager,
    router: { route: () => ({ replica: 'local', link }), replica: () => link },
    sealer: createSealer({ keys: [{ name: 'a', secret: randomBytes(32) }] }),
    limits: TEST_LIMITS,
  });
  const groups = new Groups(new SqliteGroupStore(':memory:'));
  groups.create(parseGroup({ name: 'both', servers: ['first', 'second'] }));
  const isUp = (server: string) => manager.find(server)?.state === 'running';
  const endpoint = createGroupEndpoint({
    ...{ groups, ask, isUp, seal: ownSeal() },
    lists: new GroupLists(new ServerCalls(ask)),
  });
  closing.push(() => endpoint.close());
  const client = new Client({ name: 'agent', version: '1' });
  let changes = 0;
  client.fallbackNotificationHandler = async ({ method }) => {
    if (method === 'notifications/tools/list_changed') changes++;
  };
  const transport = new StreamableHTTPClientTransport(new URL('http://127.0.0.1/groups/both/mcp'), {
    fetch: (input, init) => endpoint.fetch(new Request(input, init), LOCAL_PRINCIPAL),
  });
  await client.connect(transport as never);
  closing.push(() => client.close());
  const prefixes = async () => {
    const { tools } = await client.listTools();
    return [...new Set(tools.map(({ name }) => name.split('__')[0]))];
  };
  const call = (name: string) => client.callTool({ name });
  return { manager, groups, prefixes, call, changes: () => changes };
}

it('follows its servers as they stop, start and are removed', async () => {
  const { manager, prefixes, call, changes } = await start();
  expect(await prefixes()).toEqual(['first', 'second']);
  const changed = async (work: () => Promise<unknown>) => {
    const before = changes();
    await work();
    await eventually('a change', () => changes() > before);
  };
  // Its stream may still be on its way: a change that comes through shows that it is open.
  await eventually('the stream', async () => {
    if (changes() > 0) return true;
    await manager.restart('second', { wait: true });
    return changes() > 0;
  });
  await changed(() => manager.stop('first'));
  expect(await prefixes()).toEqual(['second']);
  await expect(call('first__test_simple_text')).rejects.toThrow(/the server first is stopped/);
  expect((await call('second__test_simple_text')).content).toEqual([
    { type: 'text', text: 'Plain text from the fixture' },
  ]);
  await changed(() => manager.start('first', { wait: true }));
  expect(await prefixes()).toEqual(['first', 'second']);
  expect((await call('first__test_simple_text')).isError).toBeFalsy();
  await changed(() => manager.remove('first'));
  await expect(call('first__test_simple_text')).rejects.toThrow(/no server is called "first"/);
  expect(await prefixes()).toEqual(['second']);
});
