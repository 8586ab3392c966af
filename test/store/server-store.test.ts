import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerRecord } from '../../src/servers/server-record.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { openDatabase } from '../../src/store/database.ts';
import { SqliteServerStore } from '../../src/store/server-store.ts';
import { createFixture } from '../servers/doubles.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function recordOf(name: string): Promise<ServerRecord> {
  const { manager, store } = await createFixture();
  await manager.run(parseServerSpec({ name, template: 'time' }), { wait: true });
  const [record] = store.list();
  if (!record) throw new Error('no record');
  return record;
}

describe('the store of servers', () => {
  it('has everything back after it was closed', async () => {
    const path = join(folder, 'data', 'berth.db');
    const [one, two] = [await recordOf('one'), await recordOf('two')];
    const store = new SqliteServerStore(path);
    store.save(one);
    store.save(two);
    store.save({ ...one, desired: 'stopped', stoppedAt: 5 });
    store.close();
    store.close();
    const again = new SqliteServerStore(path);
    expect(again.list()).toEqual([{ ...one, desired: 'stopped', stoppedAt: 5 }, two]);
    again.remove(one.id);
    again.remove('unknown');
    expect(again.list()).toEqual([two]);
    again.close();
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it('serves a manager over a restart', async () => {
    const path = join(folder, 'berth.db');
    const store = new SqliteServerStore(path);
    const { manager, again } = await createFixture({ store });
    await manager.run(parseServerSpec({ template: 'time' }), { wait: true });
    await manager.close();
    store.close();
    const reopened = new SqliteServerStore(path);
    const next = again({ store: reopened });
    await next.restore();
    expect(await next.start('time', { wait: true })).toMatchObject({ status: { state: 'running' } });
    await next.close();
    reopened.close();
  });

  it('does not take a second server of one name', async () => {
    const record = await recordOf('one');
    const store = new SqliteServerStore(':memory:');
    store.save(record);
    expect(() => store.save({ ...record, id: 'other' })).toThrow();
    store.close();
  });
});

describe('opening a database', () => {
  it('runs each migration once', () => {
    const path = join(folder, 'm.db');
    openDatabase(path, ['CREATE TABLE a (x INTEGER)']).close();
    const database = openDatabase(path, ['CREATE TABLE a (x INTEGER)', 'CREATE TABLE b (x INTEGER)']);
    expect(
      database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .all()
        .map((row) => row.name),
    ).toEqual(['a', 'b']);
    database.close();
  });

  it('leaves the file as it was when a migration fails', () => {
    const path = join(folder, 'm.db');
    expect(() => openDatabase(path, ['CREATE TABLE a (x INTEGER)', 'nonsense'])).toThrow(
      expect.objectContaining({ code: 'bad-setting' }),
    );
    openDatabase(path, ['CREATE TABLE a (x INTEGER)']).close();
  });

  it('refuses a file of a newer version and a file that is no database', () => {
    const path = join(folder, 'm.db');
    openDatabase(path, ['CREATE TABLE a (x INTEGER)', 'CREATE TABLE b (x INTEGER)']).close();
    expect(() => openDatabase(path, ['CREATE TABLE a (x INTEGER)'])).toThrow(
      /has schema 2, and this Berth knows 1/,
    );
    const other = join(folder, 'text');
    writeFileSync(other, 'no database at all, but long enough to have a header of its own'.repeat(20));
    expect(() => openDatabase(other, [])).toThrow(expect.objectContaining({ code: 'bad-setting' }));
  });
});
