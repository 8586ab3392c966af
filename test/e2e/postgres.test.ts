/**
 * The template `postgres` in front of a real database. It needs a PostgreSQL and a Python 3.12 on this machine: without either the test
 * says which one is missing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BerthError } from '../../src/errors.ts';
import { createInProcessLink } from '../../src/link/in-process.ts';
import { createLocalHost, type LocalHost } from '../../src/runtimes/local-host.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import type { ServerDefinition } from '../../src/supervisor/server-definition.ts';
import { createFixture } from '../servers/doubles.ts';
import { startFront } from '../support/gateway.ts';
import { FOLDER, table } from '../support/local-process.ts';
import { findPostgres, PASSWORD, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { packageOf } from '../support/real-servers.ts';
import { connectSdk } from '../support/sdk-clients.ts';
import { testPackages } from '../support/trees.ts';

const INSTALL_MS = 300_000;
const TABLES = `CREATE TABLE fruit (name text PRIMARY KEY, weight integer);
INSERT INTO fruit VALUES ('apple', 150), ('melon', 2000);`;
const HEAVY = { sql: 'SELECT name FROM fruit WHERE weight > 1000' };
const INSERT = { sql: "INSERT INTO fruit VALUES ('plum', 30)" };
const COUNT = { sql: 'SELECT count(*) AS fruits FROM fruit' };

let folder: string;
let database: TestPostgres | undefined;
let host: LocalHost;
let manager: Awaited<ReturnType<typeof createFixture>>['manager'];
let front: Awaited<ReturnType<typeof startFront>>['front'] | undefined;
/** Why it cannot be tried here. */
let missing: string | undefined;

/** Undefined when the package fits one of the Pythons of this machine. */
async function missingPython(): Promise<string | undefined> {
  return await testPackages()
    .resolve(await packageOf('postgres'))
    .then(
      () => undefined,
      ({ message }: BerthError) => {
        if (/needs Python/.test(message)) return message;
        throw new Error(message);
      },
    );
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-postgres-test-'));
  const programs = findPostgres();
  missing = programs === undefined ? 'there is no PostgreSQL (initdb, postgres)' : await missingPython();
  if (programs === undefined || missing !== undefined) return;
  database = await startPostgres(programs, TABLES);
  const owner = { folder: FOLDER, pid: process.pid, started: table.started(process.pid) ?? '' };
  host = createLocalHost({ owner, table });
  const env = { DATABASE_URI: database.uri };
  const secrets = { env, readFile: () => Promise.reject(new Error('ENOENT')) };
  ({ manager } = await createFixture({ host, packages: testPackages(), secrets }));
}, INSTALL_MS);
afterAll(async () => {
  await front?.close();
  await manager?.close();
  await host?.close({ force: true });
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the template, and gives a client of its URL. */
async function run(name: string, args: readonly string[]) {
  const definitions: ServerDefinition[] = [];
  const { define } = host;
  host.define = (definition) => {
    definitions.push(definition);
    define(definition);
  };
  const secrets = { DATABASE_URI: 'env:DATABASE_URI' };
  const spec = parseServerSpec({ name, template: 'postgres', args, secrets });
  const { server } = await manager.run(spec, { wait: true });
  host.define = define;
  const links = [createInProcessLink(host.supervisor)];
  const opened = await startFront({
    servers: definitions.map((definition) => ({ definition, links })),
    dataDir: folder,
  });
  front = opened.front;
  const client = await connectSdk('v1 streamable-http', `http://127.0.0.1:${opened.port}/servers/${name}`);
  return { client, server };
}

it('reads, and writes nothing unless it is told that it may', { timeout: INSTALL_MS }, async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  const { client, server } = await run('fruits', []);
  expect(server.status).toMatchObject({ state: 'running', tools: expect.arrayContaining(['execute_sql']) });
  expect(await client.listTools()).toEqual(expect.arrayContaining(['execute_sql', 'list_schemas']));
  expect(await client.callTool('execute_sql', HEAVY)).toMatch(/^(?=.*melon)(?!.*apple)/s);
  expect(await client.callTool('list_objects', { schema_name: 'public' })).toContain('fruit');
  expect(await client.callTool('execute_sql', INSERT)).toMatch(/^Error/);
  expect(await client.callTool('execute_sql', COUNT)).toMatch(/2/);
  await client.close();
  await front?.close();

  const bold = await run('bold', ['--access-mode=unrestricted']);
  await bold.client.callTool('execute_sql', INSERT);
  expect(await bold.client.callTool('execute_sql', COUNT)).toMatch(/3/);
  await bold.client.close();
  const said = [...manager.logs('fruits', 100), ...manager.logs('bold', 100)];
  expect(JSON.stringify([said, manager.list()])).not.toContain(PASSWORD);
});
