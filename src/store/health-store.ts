/** Health checks of servers in SQLite, the newest of each. They go with their server. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type HealthStore, KEPT_CHECKS } from '../servers/health-history.ts';
import type { HealthCheck } from '../servers/server-health.ts';
import type { FailureRecord } from '../servers/server-record.ts';
import { inTransaction } from './database.ts';

/** The step of the schema that makes its table; the servers' is there before. */
export const HEALTH_TABLE = `CREATE TABLE health_checks (
  server_id TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  ms INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  failure TEXT CHECK (failure IS NULL OR json_valid(failure)),
  PRIMARY KEY (server_id, number)
) STRICT, WITHOUT ROWID`;

/** Characters of a message and of a hint. */
const MOST_TEXT = 1_000;

export class SqliteHealthStore implements HealthStore {
  readonly #database: DatabaseSync;
  readonly #onFault: (error: unknown) => void;
  readonly #statements: Readonly<Record<'add' | 'trim' | 'list', StatementSync>>;

  /** `onFault`: told of what could not be written or read. */
  constructor(database: DatabaseSync, onFault: (error: unknown) => void) {
    this.#database = database;
    this.#onFault = onFault;
    this.#statements = {
      add: database.prepare(
        `INSERT INTO health_checks (server_id, number, at, ms, failures, failure)
         SELECT id, 1 + (SELECT coalesce(max(number), 0) FROM health_checks WHERE server_id = id), ?, ?, ?, ?
         FROM servers WHERE id = ?`,
      ),
      trim: database.prepare(
        `DELETE FROM health_checks WHERE server_id = :server
         AND number <= (SELECT max(number) FROM health_checks WHERE server_id = :server) - ${KEPT_CHECKS}`,
      ),
      list: database.prepare('SELECT * FROM health_checks WHERE server_id = ? ORDER BY number DESC LIMIT ?'),
    };
  }

  add(server: string, { at, ms, failures, failure }: HealthCheck): void {
    const { add, trim } = this.#statements;
    this.#guarded(undefined, () =>
      inTransaction(this.#database, () => {
        add.run(at, ms, failures, failure ? JSON.stringify(shortened(failure)) : null, server);
        trim.run({ server });
      }),
    );
  }

  list(server: string, limit: number): HealthCheck[] {
    return this.#guarded([], () =>
      this.#statements.list.all(server, limit).map((row) => ({
        at: Number(row.at),
        ms: Number(row.ms),
        failures: Number(row.failures),
        // Only this class writes the column, so what comes out is what went in.
        ...(row.failure !== null && { failure: JSON.parse(String(row.failure)) as FailureRecord }),
      })),
    );
  }

  #guarded<T>(otherwise: T, work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#onFault(error);
      return otherwise;
    }
  }
}

/** What a history needs of a failure: not the last words of its process. */
function shortened({ code, message, hint, phase, exitCode, signal }: FailureRecord): FailureRecord {
  return {
    code,
    message: message.slice(0, MOST_TEXT),
    ...(hint !== undefined && { hint: hint.slice(0, MOST_TEXT) }),
    ...(phase !== undefined && { phase }),
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
  };
}
