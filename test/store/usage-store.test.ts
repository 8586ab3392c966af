import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { NO_USAGE, type Usage } from '../../src/servers/usage.ts';
import { openDatabase } from '../../src/store/database.ts';
import { SqliteServerStore } from '../../src/store/server-store.ts';
import { createFixture } from '../servers/doubles.ts';

let folder: string;
let store: SqliteServerStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-usage-'));
  store = new SqliteServerStore(join(folder, 'berth.db'));
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ONE: Usage = { sessions: 1, calls: 2, failedCalls: 3, bytesToServer: 4, bytesFromServer: 5 };

/** A stored server; its id. */
async function stored(name: string): Promise<string> {
  const { manager, store: memory } = await createFixture();
  await manager.run(parseServerSpec({ name, template: 'time' }), { wait: true });
  const [record] = memory.list();
  if (!record) throw new Error('no record');
  store.save(record);
  return record.id;
}

it('adds up by server and day, and has it back after a restart', async () => {
  const [a, b] = [await stored('a'), await stored('b')];
  store.usage.add('2026-11-20', new Map([[a, ONE]]));
  store.usage.add(
    '2026-11-21',
    new Map([
      [a, ONE],
      [b, ONE],
    ]),
  );
  store.usage.add('2026-11-21', new Map([[a, { ...NO_USAGE, calls: 40 }]]));
  store.close();
  store = new SqliteServerStore(join(folder, 'berth.db'));
  expect(store.usage.days(a, '2026-01-01')).toEqual([
    { day: '2026-11-21', ...ONE, calls: 42 },
    { day: '2026-11-20', ...ONE },
  ]);
  expect(store.usage.days(a, '2026-11-21')).toHaveLength(1);
  store.usage.forget('2026-11-21');
  expect(store.usage.days(a, '2026-01-01').map(({ day }) => day)).toEqual(['2026-11-21']);
});

it('goes with its server, stays when the server changes, and leaves out servers that are not there', async () => {
  const id = await stored('a');
  store.usage.add(
    '2026-11-21',
    new Map([
      [id, ONE],
      ['gone', ONE],
    ]),
  );
  const [record] = store.list();
  if (record) store.save({ ...record, desired: 'stopped' });
  expect(store.usage.days(id, '2026-01-01')).toHaveLength(1);
  expect(store.usage.days('gone', '2026-01-01')).toEqual([]);
  store.remove(id);
  expect(store.usage.days(id, '2026-01-01')).toEqual([]);
});

it('is added to the database of an older gateway', async () => {
  const id = await stored('a');
  const [record] = store.list();
  store.close();
  const path = join(folder, 'older.db');
  const older = openDatabase(path, [
    `CREATE TABLE servers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
       record TEXT NOT NULL CHECK (json_valid(record))) STRICT`,
  ]);
  older.prepare('INSERT INTO servers VALUES (?, ?, ?, ?)').run(id, 'a', 1, JSON.stringify(record));
  older.close();
  store = new SqliteServerStore(path);
  store.usage.add('2026-11-21', new Map([[id, ONE]]));
  expect([store.list(), store.usage.days(id, '').length]).toEqual([[record], 1]);
});
