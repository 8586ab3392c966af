/** Tables that follow from the source are current. To renew them: `npm test -- test/docs -u`. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { readResults } from '../../scripts/clients-check/results.ts';
import { LOCAL_PRINCIPAL } from '../../src/auth/principal.ts';
import { bridgeCommand } from '../../src/cli/bridge-command.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { stdioCommand } from '../../src/cli/stdio-command.ts';
import { CLIENTS } from '../../src/clients/table.ts';
import { Confirmation } from '../../src/control/confirmation.ts';
import { createControlEndpoint } from '../../src/control/endpoint.ts';
import { ERROR_TABLE } from '../../src/errors.ts';
import { METRICS } from '../../src/metrics/definitions.ts';
import { settingsHelp } from '../../src/settings/help.ts';
import { OLDER_NAMES, WITHOUT_EFFECT } from '../../src/settings/older-names.ts';
import { createInspector } from '../inspection/doubles.ts';
import { createFixture } from '../servers/doubles.ts';
import { ownSeal } from '../support/own-seal.ts';
import { ROOT, readPage, table, withSection } from './pages.ts';

const DURATIONS = /(?:idle|Timeout|Grace|Silence|interval)$/;
const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

/** Defaults as a person writes them. */
function fallbackText(key: string, fallback: string): string {
  if (key === 'dataDir') return 'the data folder of the user';
  const value = Number(fallback);
  if (key === 'health.interval') return code(value === 0 ? 'off' : fallback);
  if (DURATIONS.test(key)) return code(value < 60_000 ? `${value / 1_000}s` : `${value / 60_000}m`);
  if (!key.endsWith('Bytes')) return code(fallback);
  return code(value >= 1024 ** 3 ? `${value / 1024 ** 3}GiB` : `${value / 1024 ** 2}MiB`);
}

function settingsTable(): string {
  const rows = settingsHelp().map(({ key, variable, flag, description, fallback }) => [
    code(key),
    code(variable),
    code(flag),
    fallbackText(key, fallback),
    description,
  ]);
  return table(['key in the file', 'variable', 'flag', 'default', 'what it means'], rows);
}

function olderNames(): string {
  const rows = [...OLDER_NAMES].map(([name, key]) => [code(name), code(key)]);
  const others = [...WITHOUT_EFFECT].map(([name, instead]) => [code(name), instead]);
  return [
    table(['older variable', 'setting'], rows),
    'Accepted, and reported as without effect:',
    table(['older variable', 'instead of it'], others),
  ].join('\n\n');
}

function metricsTable(): string {
  const rows = Object.entries(METRICS).map(([name, { type, labels, programs, help }]) => [
    code(name),
    type,
    labels.map(code).join(', '),
    programs.join(', '),
    help,
  ]);
  return table(['metric', 'type', 'labels', 'of', 'what it means'], rows);
}

function errorTable(): string {
  const rows = Object.entries(ERROR_TABLE).map(([name, { status, rpc, hint }]) => [
    code(name),
    String(status),
    String(rpc),
    hint,
  ]);
  return table(['code', 'HTTP', 'JSON-RPC', 'what to do'], rows);
}

/** Where the files of the clients are, on Linux. */
function clients(): string {
  const places = { platform: 'linux', home: '~', config: '~/.config' } as const;
  const rows = CLIENTS.map(({ id, title, files, remote, takesReference }) => [
    code(id),
    title,
    [files.user, files.project]
      .flatMap((parts) => (parts ? [code(parts(places).join('/'))] : []))
      .join(' or '),
    remote === undefined
      ? 'starts a program'
      : takesReference
        ? 'by reference'
        : 'starts a program, for the key',
  ]);
  return table(['client', 'name', 'file', 'a key'], rows);
}

/** Every command with its arguments and options, as the parser itself knows them. */
function commands(): string {
  const system = { out: () => undefined, err: () => undefined, env: {} } as never;
  const program = buildProgram(system, async () => undefined, [
    bridgeCommand(
      () => Promise.reject(),
      () => Promise.reject(),
    ),
    stdioCommand(() => Promise.reject()),
  ]);
  const shared = optionTable(program);
  return [
    `## Options of every command\n${shared}`,
    ...program
      .createHelp()
      .visibleCommands(program)
      .filter((one) => one.name() !== 'bridge-compat')
      .flatMap((one) => section(one, 'berth')),
  ].join('\n\n');
}

function section(command: Command, parent: string): string[] {
  const name = [command.name(), ...command.aliases()].join('|');
  const words = command.registeredArguments.map((argument) => {
    const text = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? `<${text}>` : `[${text}]`;
  });
  const options = command.options.length > 0 ? [optionTable(command)] : [];
  const own = [
    `## ${parent} ${name}`,
    code([parent, command.name(), ...words].join(' ')),
    sentence(command.description()),
    ...options,
  ];
  const below = command.commands.flatMap((one) => section(one, `${parent} ${command.name()}`));
  return command.commands.length > 0 ? below : [own.join('\n\n')];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function optionTable(command: Command): string {
  const rows = command.options.map(({ flags, description, defaultValue }) => {
    const isPlain = typeof defaultValue === 'string' && defaultValue !== '';
    return [code(flags), isPlain ? code(defaultValue) : '', description];
  });
  return table(['option', 'default', 'what it means'], rows);
}

/** What the control endpoint itself answers to `tools/list`. */
async function controlTools(): Promise<string> {
  const fixture = await createFixture();
  const { manager: servers, calls, discovery } = fixture;
  const seal = ownSeal();
  const confirmation = new Confirmation('ask', seal);
  const { inspector } = createInspector(fixture);
  const mcp = createControlEndpoint({ servers, calls, discovery, confirmation, inspector }, { seal });
  const meta = 'io.modelcontextprotocol';
  const _meta = { [`${meta}/protocolVersion`]: '2026-07-28', [`${meta}/clientCapabilities`]: {} };
  const request = new Request('http://127.0.0.1/mcp', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/list',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } }),
  });
  const response = await mcp.fetch(request, LOCAL_PRINCIPAL);
  await mcp.close();
  const { result } = (await response.json()) as { result: { tools: ControlTool[] } };
  const rows = result.tools.map(({ name, description, inputSchema: { properties = {}, required = [] } }) => [
    code(name),
    Object.keys(properties)
      .map((one) => (required.includes(one) ? code(one) : `[${code(one)}]`))
      .join(' '),
    description,
  ]);
  return table(['tool', 'arguments', 'what it does'], rows);
}

interface ControlTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: { readonly properties?: object; readonly required?: readonly string[] };
}

it('the clients that were checked stand in docs/cli.md as they answered', async () => {
  const rows = (await readResults()).map((one) => [
    ...[code(one.client), one.version, one.checkedAt],
    ...[one.url, one.withKey, one.wrongKey, one.asProgram],
  ]);
  const head = ['client', 'version', 'checked', 'URL', 'key by reference', 'wrong key', 'program'];
  const page = withSection(readPage('docs/cli.md'), 'checked clients', table(head, rows));
  await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/cli.md'));
});

it('the tools of docs/control.md are current', async () => {
  const page = withSection(readPage('docs/control.md'), 'tools', await controlTools());
  await expect(page).toMatchFileSnapshot(join(ROOT, 'docs/control.md'));
});

it.each([
  ['docs/cli.md', { clients: clients(), commands: commands() }],
  ['docs/settings.md', { settings: settingsTable(), 'older names': olderNames() }],
  ['docs/api.md', { errors: errorTable() }],
  ['docs/metrics.md', { metrics: metricsTable() }],
] as const)('the tables of %s are current', async (path, sections) => {
  const page = Object.entries(sections).reduce(
    (text, [name, content]) => withSection(text, name, content),
    readPage(path),
  );
  await expect(page).toMatchFileSnapshot(join(ROOT, path));
});
