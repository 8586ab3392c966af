/** A release as people use it: installed by the chart, given the names of packages, called by the official SDKs' clients through its Service. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectSdk, eraOf, SDK_CLIENTS } from '../support/sdk-clients.ts';
import { type RunningRelease, startRelease } from './support/release.ts';

let release: RunningRelease;

beforeAll(async () => {
  release = await startRelease();
});
afterAll(() => release?.close());

describe('everything', () => {
  beforeAll(async () => {
    await release.run({ name: 'everything', template: 'everything' });
  }, 300_000);

  it.each(SDK_CLIENTS)('is called by %s', async (flavour) => {
    const client = await connectSdk(flavour, release.serverUrl('everything'), { key: release.key });
    expect(client.era).toBe(eraOf(flavour));
    expect(await client.listTools()).toContain('echo');
    expect(await client.callTool('echo', { message: 'hello' })).toMatch(/hello/);
    await client.close();
  });
});
