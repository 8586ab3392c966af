/** Groups in SQLite, in a file of their own. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseGroup } from '../groups/group-spec.ts';
import type { Group, GroupStore } from '../groups/groups.ts';
import { type Migrations, openDatabase } from './database.ts';

const MIGRATIONS: Migrations = [
  `CREATE TABLE groups (
     name TEXT PRIMARY KEY,
     created_at INTEGER NOT NULL,
     updated_at INTEGER NOT NULL,
     spec TEXT NOT NULL CHECK (json_valid(spec))
   ) STRICT`,
];

export class SqliteGroupStore implements GroupStore {
  readonly #database: DatabaseSync;
  readonly #statements: Readonly<Record<'list' | 'save' | 'remove', StatementSync>>;

  /** Throws `bad-setting` when the file cannot be used; `:memory:` keeps everything in memory. */
  constructor(path: string) {
    this.#database = openDatabase(path, MIGRATIONS);
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#statements = {
      list: prepare('SELECT * FROM groups ORDER BY name'),
      save: prepare(
        `INSERT INTO groups (name, created_at, updated_at, spec) VALUES (?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at, spec = excluded.spec`,
      ),
      remove: prepare('DELETE FROM groups WHERE name = ?'),
    };
  }

  list(): Group[] {
    return this.#statements.list.all().map((row) => ({
      spec: parseGroup(JSON.parse(String(row.spec))),
      createdAt: Number(row.created_at),
      updatedAt: Number(row.updated_at),
    }));
  }

  save({ spec, createdAt, updatedAt }: Group): void {
    this.#statements.save.run(spec.name, createdAt, updatedAt, JSON.stringify(spec));
  }

  remove(name: string): void {
    this.#statements.remove.run(name);
  }

  /** Idempotent. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
