/** Health checks of servers, kept in SQLite. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KEPT_CHECKS } from '../../src/servers/health-history.ts';
import type { HealthCheck } from '../../src/servers/server-health.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { openDatabase } from '../../src/store/database.ts';
import { SqliteServerStore } from '../../src/store/server-store.ts';
import { USAGE_TABLE } from '../../src/store/usage-store.ts';
import { createFixture } from '../servers/doubles.ts';

let folder: string;
let path: string;
let store: SqliteServerStore;
const faults: unknown[] = [];
const open = () => new SqliteServerStore(path, (error) => faults.push(error));
beforeEach(() => {
  faults.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'berth-health-'));
  path = join(folder, 'berth.db');
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A stored server; its id. */
async function stored(name: string): Promise<string> {
  const { manager, store: memory } = await createFixture();
  await manager.run(parseServerSpec({ name, template: 'time' }), { wait: true });
  const [record] = memory.list();
  if (!record) throw new Error('no record');
  store.save(record);
  return record.id;
}

const GOOD: HealthCheck = { at: 1_000, ms: 47, failures: 0 };
const BAD: HealthCheck = {
  at: 2_000,
  ms: 5,
  failures: 1,
  failure: {
    code: 'start-failed',
    message: 'no answer',
    hint: 'look',
    phase: 'handshake',
    exitCode: 3,
    stderr: ['a last word'],
  },
};

it('has them back after a restart, newest first, without the last words', async () => {
  const [a, b] = [await stored('a'), await stored('b')];
  store.checks.add(a, GOOD);
  store.checks.add(b, { ...GOOD, at: 1_500 });
  store.checks.add(a, BAD);
  store.close();
  store = open();
  const { stderr: _stderr, ...failure } = BAD.failure ?? {};
  expect(store.checks.list(a, 10)).toEqual([{ ...BAD, failure }, GOOD]);
  expect(store.checks.list(a, 1)).toHaveLength(1);
  expect(store.checks.list(b, 10)).toEqual([{ ...GOOD, at: 1_500 }]);
  expect(faults).toEqual([]);
});

it('keeps the newest of each server', async () => {
  const [a, b] = [await stored('a'), await stored('b')];
  store.checks.add(b, GOOD);
  for (let at = 0; at < KEPT_CHECKS + 30; at++) store.checks.add(a, { ...GOOD, at });
  const kept = store.checks.list(a, 10_000);
  expect(kept).toHaveLength(KEPT_CHECKS);
  expect([kept[0]?.at, kept.at(-1)?.at]).toEqual([KEPT_CHECKS + 29, 30]);
  expect(store.checks.list(b, 10)).toHaveLength(1);
});

it('cuts what is very long', async () => {
  const a = await stored('a');
  const failure = { code: 'internal', message: 'x'.repeat(50_000), hint: 'y'.repeat(50_000) } as const;
  store.checks.add(a, { ...BAD, failure });
  expect(JSON.stringify(store.checks.list(a, 1)).length).toBeLessThan(3_000);
});

it('goes with its server, and is not kept for one that is not there', async () => {
  const a = await stored('a');
  store.checks.add(a, GOOD);
  store.checks.add('nobody', GOOD);
  store.remove(a);
  expect(store.checks.list(a, 10)).toEqual([]);
  expect(store.checks.list('nobody', 10)).toEqual([]);
});

it('is added to the file of a gateway that did not have it', async () => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
  const servers = `CREATE TABLE servers (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     created_at INTEGER NOT NULL,
     record TEXT NOT NULL CHECK (json_valid(record))
   ) STRICT`;
  openDatabase(path, [servers, USAGE_TABLE]).close();
  store = open();
  const a = await stored('a');
  store.checks.add(a, GOOD);
  expect(store.checks.list(a, 10)).toEqual([GOOD]);
});

it('tells what cannot be kept, and goes on', async () => {
  const a = await stored('a');
  store.close();
  store.checks.add(a, GOOD);
  expect(store.checks.list(a, 10)).toEqual([]);
  expect(faults).toHaveLength(2);
  store = open();
});
