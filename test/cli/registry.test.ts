import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRig } from '../discovery/rig.ts';
import { json } from '../support/answering-server.ts';
import { numbered, StandInMcpRegistry } from '../support/stand-in-mcp-registry.ts';
import { createMachine } from './system-double.ts';

let registry: StandInMcpRegistry;
let rig: Awaited<ReturnType<typeof createRig>>;
beforeEach(async () => {
  registry = await new StandInMcpRegistry().start();
  rig = await createRig({ registries: [registry.url], wait: async () => {} });
});
afterEach(async () => {
  await rig.close();
  await registry.close();
});

const machine = (interactive = false) => createMachine({ discovery: rig.discovery, interactive });

describe('berth registry', () => {
  it('mirrors what the gateway searches, and says how old it is', async () => {
    for (let number = 0; number < 150; number++) registry.put(numbered(number));
    const { berth } = await machine();
    expect((await berth('registry', 'ls')).out).toContain('no mirror');
    expect(await berth('registry', 'sync')).toEqual({
      code: 0,
      out: 'mcp-registry: 150 servers (everything: 150 new or changed, 0 gone)\n',
      err: '',
    });
    registry.put(numbered(3), 'deleted');
    expect((await berth('registry', 'sync', 'mcp-registry')).out).toBe(
      'mcp-registry: 149 servers (what has changed: 0 new or changed, 1 gone)\n',
    );
    expect((await berth('registry', 'ls')).out).toMatch(
      /\nmcp-registry +http:\/\/127\.0\.0\.1:\d+\/ +149 +\d+ s +-\n$/,
    );
    const { out } = await berth('registry', 'sync', '--full', '-o', 'json');
    expect(JSON.parse(out).registries).toMatchObject([{ name: 'mcp-registry', kind: 'full', total: 149 }]);
  });

  it('shows in a terminal how far it has come, and goes on after Ctrl-C', async () => {
    for (let number = 0; number < 250; number++) registry.put(numbered(number));
    registry.faults.push(json({}, 429, { 'retry-after': '2' }));
    const { berth, signal } = await machine(true);
    const { code, err } = await berth('registry', 'sync');
    expect(code).toBe(0);
    expect(err).toContain('is busy (429); it asks to wait 2 s; next try in 2 s');
    expect(err).toContain('mcp-registry: 250 servers on 3 pages');

    registry.faults.push((asked, response) => {
      signal();
      json({}, 503)(asked, response);
    });
    expect((await berth('registry', 'sync', '--full')).code).toBe(130);
  });

  it('names a registry that is not there, and one that fails', async () => {
    const { berth } = await machine();
    expect(await berth('registry', 'sync', 'other')).toMatchObject({
      code: 1,
      err: expect.stringContaining('There are: mcp-registry.'),
    });
    await registry.close();
    expect(await berth('registry', 'sync')).toMatchObject({
      code: 5,
      err: expect.stringContaining('ECONNREFUSED'),
    });
    const none = await createMachine();
    expect((await none.berth('registry', 'sync')).err).toContain('search.registries');
  });
});
