/** Usage of servers by the day, in SQLite. It goes with its server. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Usage, UsageDay, UsageStore } from '../servers/usage.ts';
import { inTransaction } from './database.ts';

/** The step of the schema that makes its table; the servers' is there before. */
export const USAGE_TABLE = `CREATE TABLE usage (
  server_id TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
  day TEXT NOT NULL,
  sessions INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  failed_calls INTEGER NOT NULL,
  bytes_to_server INTEGER NOT NULL,
  bytes_from_server INTEGER NOT NULL,
  PRIMARY KEY (server_id, day)
) STRICT, WITHOUT ROWID`;

export class SqliteUsageStore implements UsageStore {
  readonly #database: DatabaseSync;
  readonly #add: StatementSync;
  readonly #days: StatementSync;
  readonly #forget: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#add = database.prepare(
      `INSERT INTO usage SELECT id, ?, ?, ?, ?, ?, ? FROM servers WHERE id = ?
       ON CONFLICT (server_id, day) DO UPDATE SET
         sessions = sessions + excluded.sessions, calls = calls + excluded.calls,
         failed_calls = failed_calls + excluded.failed_calls,
         bytes_to_server = bytes_to_server + excluded.bytes_to_server,
         bytes_from_server = bytes_from_server + excluded.bytes_from_server`,
    );
    this.#days = database.prepare('SELECT * FROM usage WHERE server_id = ? AND day >= ? ORDER BY day DESC');
    this.#forget = database.prepare('DELETE FROM usage WHERE day < ?');
  }

  add(day: string, usage: ReadonlyMap<string, Usage>): void {
    inTransaction(this.#database, () => {
      for (const [server, one] of usage) {
        const { sessions, calls, failedCalls, bytesToServer, bytesFromServer } = one;
        this.#add.run(day, sessions, calls, failedCalls, bytesToServer, bytesFromServer, server);
      }
    });
  }

  days(server: string, since: string): UsageDay[] {
    return this.#days.all(server, since).map((row) => ({
      day: String(row.day),
      sessions: Number(row.sessions),
      calls: Number(row.calls),
      failedCalls: Number(row.failed_calls),
      bytesToServer: Number(row.bytes_to_server),
      bytesFromServer: Number(row.bytes_from_server),
    }));
  }

  forget(before: string): void {
    this.#forget.run(before);
  }
}
