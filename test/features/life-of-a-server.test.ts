/** What a person sees of a server from its creation to its end, for any number of servers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { SqliteServerStore } from '../../src/store/server-store.ts';
import { createFixture } from '../servers/doubles.ts';

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const wait = { wait: true };
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-life-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the URLs of servers', () => {
  it('differ between any two to ten servers, stopped ones included', async () => {
    const names = fc.uniqueArray(label, { minLength: 2, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(names, fc.nat(), async (chosen, stopped) => {
        const { manager } = await createFixture();
        for (const name of chosen) await manager.run(parseServerSpec({ name, template: 'time' }), wait);
        await manager.stop(chosen[stopped % chosen.length] ?? '');
        const urls = manager.list().flatMap(({ status }) => status.endpoints.map(({ url }) => url));
        expect(urls).toHaveLength(chosen.length * 3);
        expect(new Set(urls).size).toBe(urls.length);
        await manager.close();
      }),
      { numRuns: 10 },
    );
  });

  it('keep query, fragment and further path segments out, whatever is taken for a name', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        let accepted: string;
        try {
          accepted = parseServerSpec({ name, template: 'time' }).name;
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-input' });
          return;
        }
        expect(new URL(`http://h/servers/${accepted}/mcp`).pathname).toBe(`/servers/${name}/mcp`);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a server that is stopped', () => {
  it('is stored as stopped with the time, for any server that ran', async () => {
    await fc.assert(
      fc.asyncProperty(label, fc.boolean(), async (name, force) => {
        const path = join(mkdtempSync(join(folder, 'store-')), 'berth.db');
        const store = new SqliteServerStore(path);
        const { manager, again } = await createFixture({ store });
        await manager.run(parseServerSpec({ name, template: 'time' }), wait);
        await manager.stop(name, { force });
        await manager.close();
        store.close();
        const reopened = new SqliteServerStore(path);
        const next = again({ store: reopened });
        await next.restore();
        expect(next.get(name).status).toMatchObject({
          state: 'stopped',
          stoppedAt: expect.stringMatching(UTC),
        });
        await next.close();
        reopened.close();
      }),
      { numRuns: 5 },
    );
  });
});

describe('the status', () => {
  it('says healthy, unhealthy and unknown, with reason and times in UTC', async () => {
    const { manager, host } = await createFixture();
    const spec = parseServerSpec({ template: 'time' });
    const { server } = await manager.run(spec, wait);
    expect(server.status).toMatchObject({
      health: 'healthy',
      reason: 'Ready',
      createdAt: expect.stringMatching(UTC),
      startedAt: expect.stringMatching(UTC),
      lastActivity: expect.stringMatching(UTC),
    });
    expect((await manager.stop('time')).status).toMatchObject({
      health: 'unknown',
      reason: 'Stopped',
      stoppedAt: expect.stringMatching(UTC),
    });
    host.failure = new BerthError('start-failed', 'the process ended', { exitCode: 1 });
    await manager.start('time', wait).catch(() => undefined);
    expect(manager.get('time').status).toMatchObject({
      state: 'failed',
      health: 'unhealthy',
      reason: 'StartFailed',
    });
    await manager.close();
  });
});
