/**
 * `npm run clients:check [-- client…]`: real clients, installed from npm, read what `berth connect --write` wrote for them, in a home
 * folder of their own: the URL of a server, the URL with a key by reference (a good one and a bad one), and a program to start. What
 * they say of it is written to `results.json` beside this file, from which a table of docs/cli.md is made.
 *
 * --dry-run   tells the results and writes nothing
 *
 * Ends with 0 when every check was made, whatever came of it.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CheckGateway, openGateway } from '../catalogue-check/gateway.ts';
import { type ClientProgram, type Outcome, outcomeOf, PROGRAMS } from './programs.ts';
import { type ClientResult, RESULTS, readResults, writtenFor } from './results.ts';

const BERTH = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const SERVER = 'everything';
const PACKAGE = 'npm:@modelcontextprotocol/server-everything';
const KEY_VARIABLE = 'CHECKED_KEY';
/** Milliseconds for one program; nothing here takes a tenth of it. */
const PATIENCE = 5 * 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'dry-run': { type: 'boolean', default: false } },
});
const chosen = PROGRAMS.filter(({ id }) => positionals.length === 0 || positionals.includes(id));

interface Place {
  readonly gateway: CheckGateway;
  readonly modules: string;
  /** Where the clients run; their home is beside it. */
  readonly work: string;
  readonly key: string;
}

/** What a program said, on both of its streams; a failure of its own is told there, too. */
function run(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const [file = '', ...args] = command;
  return new Promise((resolve) => {
    const child = execFile(file, args, { cwd, env, timeout: PATIENCE }, (_, out, err) => resolve(out + err));
    child.stdin?.end();
  });
}

function environment(gateway: CheckGateway): NodeJS.ProcessEnv {
  const { PATH = '', http_proxy, https_proxy } = process.env;
  const registry = Object.entries(process.env).filter(([name]) => /^npm_config_/i.test(name));
  return {
    PATH: `${dirname(process.execPath)}:${PATH}`,
    HOME: join(gateway.folder, 'home'),
    BERTH_DATA_DIR: join(gateway.folder, 'data'),
    BERTH_URL: gateway.url,
    TERM: 'dumb',
    CI: '1',
    ...(http_proxy && { http_proxy }),
    ...(https_proxy && { https_proxy }),
    ...Object.fromEntries(registry),
  };
}

const berth = (gateway: CheckGateway, ...args: string[]): Promise<string> =>
  run([process.execPath, BERTH, ...args], gateway.folder, environment(gateway));

async function setUp(gateway: CheckGateway): Promise<Place> {
  const work = join(gateway.folder, 'home', 'work');
  await mkdir(work, { recursive: true });
  await writeFile(join(gateway.folder, 'package.json'), '{"name":"clients","version":"1.0.0"}');
  const packages = chosen.map((program) => program.package);
  // Their scripts would look for a browser, a home and an account.
  const install = ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages];
  console.log(await run(install, gateway.folder, { ...process.env }));
  console.log(await berth(gateway, 'run', PACKAGE, '--name', SERVER));
  const key = /^berth_\S+/m.exec(await berth(gateway, 'key', 'add', 'checked'))?.[0];
  if (key === undefined) throw new Error('no key was made');
  return { gateway, modules: join(gateway.folder, 'node_modules'), work, key };
}

async function check(program: ClientProgram, place: Place): Promise<ClientResult> {
  const { gateway, modules, work, key } = place;
  const env = environment(gateway);
  for (const [path, content] of Object.entries(program.prepare?.(work) ?? {})) {
    const file = join(env.HOME ?? '', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(content));
  }
  const [file = '', ...args] = program.list;
  const ask = async (more: NodeJS.ProcessEnv): Promise<Outcome> =>
    outcomeOf(program, SERVER, await run([join(modules, file), ...args], work, { ...env, ...more }));
  const connect = (...more: string[]) =>
    berth(gateway, 'connect', program.id, SERVER, '--write', '--replace', ...more);
  await connect();
  const url = await ask({});
  await connect('--key-env', KEY_VARIABLE);
  const withKey = await ask({ [KEY_VARIABLE]: key });
  const wrongKey = await ask({ [KEY_VARIABLE]: key.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')) });
  await connect('--program');
  const asProgram = await ask({});
  const { version } = JSON.parse(await readFile(join(modules, program.package, 'package.json'), 'utf8')) as {
    version: string;
  };
  const checkedAt = new Date().toISOString().slice(0, 10);
  const outcomes = { url, withKey, wrongKey, asProgram };
  const about = { client: program.id, package: program.package, version, checkedAt };
  return { ...about, ...outcomes, written: await writtenFor(program.id) };
}

const gateway = await openGateway();
try {
  const place = await setUp(gateway);
  const results = new Map((await readResults()).map((result) => [result.client, result]));
  for (const program of chosen) {
    const result = await check(program, place);
    console.log(JSON.stringify(result));
    results.set(program.id, result);
  }
  if (!values['dry-run']) await writeFile(RESULTS, `${JSON.stringify([...results.values()], null, 2)}\n`);
} finally {
  await gateway.close();
}
