/** Servers in SQLite: one row each, written whole. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ServerRecord, ServerStore } from '../servers/server-record.ts';
import type { Migrations } from './database.ts';
import { openDatabase } from './database.ts';
import { HEALTH_TABLE, SqliteHealthStore } from './health-store.ts';
import { SqliteUsageStore, USAGE_TABLE } from './usage-store.ts';

const MIGRATIONS: Migrations = [
  `CREATE TABLE servers (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     created_at INTEGER NOT NULL,
     record TEXT NOT NULL CHECK (json_valid(record))
   ) STRICT`,
  USAGE_TABLE,
  HEALTH_TABLE,
];

export class SqliteServerStore implements ServerStore {
  readonly #database: DatabaseSync;
  readonly #list: StatementSync;
  readonly #save: StatementSync;
  readonly #remove: StatementSync;
  /** How much they were used, in the same database. */
  readonly usage: SqliteUsageStore;
  /** How their health checks came out. */
  readonly checks: SqliteHealthStore;

  /**
   * Throws `bad-setting` when the file cannot be used; `:memory:` keeps everything in memory. `onFault`: told of what of their health
   * could not be kept.
   */
  constructor(path: string, onFault: (error: unknown) => void = () => {}) {
    this.#database = openDatabase(path, MIGRATIONS);
    this.#list = this.#database.prepare('SELECT record FROM servers ORDER BY created_at, name');
    this.#save = this.#database.prepare(
      `INSERT INTO servers (id, name, created_at, record) VALUES (?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record`,
    );
    this.#remove = this.#database.prepare('DELETE FROM servers WHERE id = ?');
    this.usage = new SqliteUsageStore(this.#database);
    this.checks = new SqliteHealthStore(this.#database, onFault);
  }

  list(): ServerRecord[] {
    // Only this class writes the column, so what comes out is what went in.
    return this.#list.all().map((row) => JSON.parse(String(row.record)) as ServerRecord);
  }

  save(record: ServerRecord): void {
    this.#save.run(record.id, record.name, record.createdAt, JSON.stringify(record));
  }

  remove(id: string): void {
    this.#remove.run(id);
  }

  /** Idempotent. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
