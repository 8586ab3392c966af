/** Custom templates in SQLite, in a file of their own: what there is, and every change that led to it. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { StoredTemplate, TemplateRevision, TemplateStore } from '../templates/custom-templates.ts';
import type { Migrations } from './database.ts';
import { inTransaction, openDatabase } from './database.ts';

const MIGRATIONS: Migrations = [
  `CREATE TABLE templates (
     slug TEXT PRIMARY KEY,
     revision INTEGER NOT NULL,
     at INTEGER NOT NULL,
     document TEXT NOT NULL CHECK (json_valid(document)),
     readme TEXT NOT NULL
   ) STRICT;
   CREATE TABLE template_changes (
     slug TEXT NOT NULL,
     revision INTEGER NOT NULL,
     at INTEGER NOT NULL,
     change TEXT NOT NULL,
     document TEXT CHECK (document IS NULL OR json_valid(document)),
     readme TEXT,
     PRIMARY KEY (slug, revision)
   ) STRICT, WITHOUT ROWID`,
];

/** Changes of one template that are kept. */
const KEPT_CHANGES = 100;

export class SqliteTemplateStore implements TemplateStore {
  readonly #database: DatabaseSync;
  readonly #now: () => number;
  readonly #statements: Readonly<
    Record<'list' | 'save' | 'remove' | 'change' | 'newest' | 'history' | 'trim', StatementSync>
  >;

  /** Throws `bad-setting` when the file cannot be used; `:memory:` keeps everything in memory. */
  constructor(path: string, now: () => number = Date.now) {
    this.#database = openDatabase(path, MIGRATIONS);
    this.#now = now;
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#statements = {
      list: prepare('SELECT * FROM templates ORDER BY slug'),
      save: prepare(
        `INSERT INTO templates (slug, revision, at, document, readme) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (slug) DO UPDATE SET revision = excluded.revision, at = excluded.at,
           document = excluded.document, readme = excluded.readme`,
      ),
      remove: prepare('DELETE FROM templates WHERE slug = ?'),
      change: prepare(
        'INSERT INTO template_changes (slug, revision, at, change, document, readme) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      newest: prepare('SELECT max(revision) AS revision FROM template_changes WHERE slug = ?'),
      history: prepare('SELECT * FROM template_changes WHERE slug = ? ORDER BY revision DESC'),
      trim: prepare('DELETE FROM template_changes WHERE slug = ? AND revision <= ?'),
    };
  }

  list(): StoredTemplate[] {
    return this.#statements.list.all().map((row) => ({
      slug: String(row.slug),
      revision: Number(row.revision),
      at: Number(row.at),
      document: JSON.parse(String(row.document)) as unknown,
      readme: String(row.readme),
    }));
  }

  save(
    { slug, document, readme }: Pick<StoredTemplate, 'slug' | 'document' | 'readme'>,
    change: 'registered' | 'replaced',
  ): StoredTemplate {
    const text = JSON.stringify(document);
    return inTransaction(this.#database, () => {
      const { revision, at } = this.#next(slug);
      this.#statements.save.run(slug, revision, at, text, readme);
      this.#statements.change.run(slug, revision, at, change, text, readme);
      this.#statements.trim.run(slug, revision - KEPT_CHANGES);
      return { slug, revision, at, document, readme };
    });
  }

  remove(slug: string): void {
    inTransaction(this.#database, () => {
      const { revision, at } = this.#next(slug);
      if (this.#statements.remove.run(slug).changes === 0) return;
      this.#statements.change.run(slug, revision, at, 'removed', null, null);
    });
  }

  history(slug: string): TemplateRevision[] {
    return this.#statements.history.all(slug).map((row) => ({
      revision: Number(row.revision),
      at: Number(row.at),
      // Only this class writes the column, so what comes out is what went in.
      change: String(row.change) as TemplateRevision['change'],
      ...(row.document !== null && { document: JSON.parse(String(row.document)) as unknown }),
      ...(row.readme !== null && { readme: String(row.readme) }),
    }));
  }

  /** Idempotent. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #next(slug: string): { revision: number; at: number } {
    return { revision: Number(this.#statements.newest.get(slug)?.revision ?? 0) + 1, at: this.#now() };
  }
}
