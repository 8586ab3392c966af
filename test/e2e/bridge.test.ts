/** `berth bridge`: what the program speaks is found out, and clients of both eras use it either way. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Bridge, type BridgeOptions, runBridge } from '../../src/bridge/main.ts';
import { FIXTURE_ERAS, type FixtureEra, fixtureLaunch } from '../support/conformance-fixture.ts';
import { SPEAKS } from '../support/requirements.ts';
import { connectSdk } from '../support/sdk-clients.ts';

let bridge: Bridge | undefined;
afterEach(async () => {
  await bridge?.close();
  bridge = undefined;
});

async function open(command: BridgeOptions['command'], era?: BridgeOptions['era']): Promise<Bridge> {
  const options = { command, host: '127.0.0.1', port: 0, isolation: 'session', spares: 0 } as const;
  bridge = await runBridge({ ...options, ...(era && { era }) });
  return bridge;
}

function fixture(era: FixtureEra): BridgeOptions['command'] {
  const { file, args } = fixtureLaunch(era);
  return [file, ...args];
}

describe.each(FIXTURE_ERAS)('a program of the era %s', (era) => {
  it('is found out, and serves clients of both', async () => {
    const { url, eras, problem } = await open(fixture(era));
    expect([eras, problem]).toEqual([SPEAKS[era], undefined]);
    for (const flavour of ['v1 streamable-http', 'v1 websocket', 'v2 modern streamable-http'] as const) {
      const client = await connectSdk(flavour, url);
      expect(await client.callTool('test_simple_text', {})).toBe('Plain text from the fixture');
      await client.close();
    }
  });
});

it('a program whose era is given is not tried out', async () => {
  const { eras, url } = await open(fixture('modern'), 'modern');
  expect(eras).toEqual(['modern']);
  const client = await connectSdk('v2 modern streamable-http', url);
  expect(await client.listTools()).toContain('test_simple_text');
  await client.close();
});

it('a program that does not start is said at once, and served all the same', async () => {
  const { eras, problem, url } = await open([
    process.execPath,
    '-e',
    'console.error("no key"); process.exit(3)',
  ]);
  expect(eras).toEqual([]);
  expect(problem?.details).toMatchObject({ phase: 'handshake', exitCode: 3, stderr: ['no key'] });
  await expect(connectSdk('v1 streamable-http', url)).rejects.toThrow('exit code 3');
});
