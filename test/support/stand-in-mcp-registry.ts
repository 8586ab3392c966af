/**
 * An MCP registry on the loopback address, as the OpenAPI document of the registry describes it: pages with cursors, changes since a
 * time, states. It is held to the document: an answer that breaks it fails the request.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Answer, AnsweringServer, json } from './answering-server.ts';

const vendored = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../fixtures/mcp-registry/${name}`, import.meta.url), 'utf8')) as Record<
    string,
    unknown
  >;

/** Real `server.json` documents. */
export const REAL_DOCUMENTS = vendored('documents.json') as unknown as readonly Document[];
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema({ $id: 'api', ...vendored('api.schemas.json') });
const isList = ajv.compile({ $ref: 'api#/components/schemas/ServerList' });

type Document = Readonly<Record<string, unknown>> & { readonly name: string; readonly version: string };
type Status = 'active' | 'deprecated' | 'deleted';

interface Entry {
  document: Document;
  status: Status;
  statusMessage: string | undefined;
  /** Milliseconds since 1970. */
  updatedAt: number;
}

export class StandInMcpRegistry {
  readonly server = new AnsweringServer();
  readonly #entries = new Map<string, Entry>();
  /** Of the registry; every change moves it. */
  clock = Date.parse('2026-11-01T00:00:00Z');
  /** The next answers, instead of the right ones. */
  readonly faults: Answer[] = [];
  /** Whether deleted servers are told of without being asked for. */
  tellsDeleted = true;

  async start(): Promise<this> {
    this.server.on(/^\/v0\.1\/servers(\?|$)/, (asked, response) => {
      const fault = this.faults.shift();
      if (fault) fault(asked, response);
      else this.#answer(new URL(asked.path, 'http://registry.test').searchParams)(asked, response);
    });
    await this.server.start();
    return this;
  }

  get url(): string {
    return this.server.url;
  }

  /** The questions for pages so far. */
  get asked(): string[] {
    return this.server.asked.map(({ path }) => path);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  put(document: Document, status: Status = 'active', statusMessage?: string): void {
    this.clock += 60_000;
    this.#entries.set(document.name, { document, status, statusMessage, updatedAt: this.clock });
  }

  #answer(query: URLSearchParams): Answer {
    const since = query.get('updated_since');
    if (since !== null && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(since))
      return json({ title: 'Bad Request', status: 400 }, 400);
    const withDeleted = query.get('include_deleted') === 'true' || (since !== null && this.tellsDeleted);
    const all = [...this.#entries.values()]
      .filter(({ status }) => status !== 'deleted' || withDeleted)
      .filter(({ updatedAt }) => since === null || updatedAt > Date.parse(since))
      .sort((a, b) => (a.document.name < b.document.name ? -1 : 1));
    const cursor = query.get('cursor');
    if (cursor !== null && !cursor.startsWith('after '))
      return json({ title: 'Bad Request', status: 400 }, 400);
    const from = all.findIndex(({ document }) => cursor === null || document.name > cursor.slice(6));
    const rest = from < 0 ? [] : all.slice(from);
    const page = rest.slice(0, Number(query.get('limit') ?? 30));
    const last = page.at(-1)?.document.name;
    const answer = {
      servers: page.map(toResponse),
      metadata: { count: page.length, ...(page.length < rest.length && { nextCursor: `after ${last}` }) },
    };
    if (!isList(answer)) throw new Error(`no such answer: ${ajv.errorsText(isList.errors)}`);
    return json(answer, 200, { date: new Date(this.clock).toUTCString() });
  }
}

function toResponse({ document, status, statusMessage, updatedAt }: Entry): Record<string, unknown> {
  const at = new Date(updatedAt).toISOString();
  return {
    server: document,
    _meta: {
      'io.modelcontextprotocol.registry/official': {
        status,
        ...(statusMessage !== undefined && { statusMessage }),
        ...{ statusChangedAt: at, publishedAt: at, updatedAt: at, isLatest: true },
      },
    },
  };
}

/** A server on npm; `number` makes its name. */
export function numbered(number: number, more: Record<string, unknown> = {}): Document {
  const id = String(number).padStart(4, '0');
  return {
    name: `io.github.ann/notes-${id}`,
    description: `Notes, book ${id}`,
    version: '1.0.0',
    packages: [
      { registryType: 'npm', identifier: `notes-${id}`, version: '1.0.0', transport: { type: 'stdio' } },
    ],
    ...more,
  };
}
