/** A small door to node:sqlite: open, migrate, close. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BerthError } from '../errors.ts';

/** Steps of the schema in order; one that has been released is never changed. */
export type Migrations = readonly string[];

const IN_MEMORY = ':memory:';

/** Milliseconds to wait for another process that holds the file. */
const BUSY_TIMEOUT = 5_000;

/**
 * Opens the file (made when missing, readable by its owner only) and brings its schema up to date.
 * Throws `bad-setting` when the file cannot be used, or was written by a newer Berth.
 */
export function openDatabase(path: string, migrations: Migrations): DatabaseSync {
  const database = open(path);
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    migrate(database, migrations);
    return database;
  } catch (error) {
    database.close();
    throw error instanceof BerthError ? error : unusable(path, error);
  }
}

function open(path: string): DatabaseSync {
  try {
    if (path !== IN_MEMORY) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // SQLite gives its side files the mode of this one.
      closeSync(openSync(path, 'a', 0o600));
    }
    return new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
  } catch (error) {
    throw unusable(path, error);
  }
}

/** All of the work is on disk when it returns, or none of it when the work throws. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // Of some failures (a full disk) SQLite itself has rolled back.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function migrate(database: DatabaseSync, migrations: Migrations): void {
  inTransaction(database, () => {
    const version = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0);
    if (version > migrations.length) {
      throw new BerthError(
        'bad-setting',
        `the database has schema ${version}, and this Berth knows ${migrations.length}`,
        {
          hint: 'Start the newer Berth that wrote it, or use another data folder.',
        },
      );
    }
    for (const step of migrations.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

function unusable(path: string, cause: unknown): BerthError {
  return new BerthError('bad-setting', `the database ${path} cannot be used`, {
    cause,
    hint: 'Check that the data folder can be written and that the file is a Berth database.',
  });
}
