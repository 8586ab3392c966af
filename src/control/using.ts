/** Tools by which an agent finds a server, runs it, looks at it and calls it. */
import { inputRequired } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import { parseServerSpec, type ServerSpec } from '../servers/server-spec.ts';
import { within } from '../servers/within.ts';
import { toFindable } from './found-servers.ts';
import type { RoundState } from './round-states.ts';
import { ASK_STATUS, answer, type ControlCall, type ToolAnswer, viewOf } from './tools.ts';

const name = z.string().describe('Name of the server');

export const searchInput = z.strictObject({
  query: z.string().describe('What the server should be able to do, or its name'),
  limit: z.int().min(1).max(50).default(10),
});

export async function searchServers(
  { query, limit }: z.output<typeof searchInput>,
  { discovery, context }: ControlCall,
): Promise<ToolAnswer> {
  const { signal } = context.mcpReq;
  const found = await discovery.search({ text: query, limit, all: false, refresh: false, signal });
  const results = found.results.flatMap((one) => toFindable(one) ?? []).slice(0, limit);
  const silent = found.providers.flatMap(({ name, state }) =>
    state === 'failed' || state === 'preparing' ? [name] : [],
  );
  return answer({ results, total: results.length, ...(silent.length > 0 && { not_searched: silent }) });
}

const texts = z.record(z.string(), z.string());

export const runInput = z.strictObject({
  template: z.string().optional().describe('Name of a template of the catalogue'),
  npm: z
    .string()
    .optional()
    .describe('An npm package that is not in the catalogue; its person is asked first'),
  pypi: z
    .string()
    .optional()
    .describe('A PyPI package that is not in the catalogue; its person is asked first'),
  url: z
    .string()
    .optional()
    .describe('A remote server that is not in the catalogue; its person is asked first'),
  version: z.string().optional().describe('Another version than the one of the template, or of the package'),
  name: z.string().optional().describe('Name of the server, and part of its URL'),
  args: z.array(z.string()).optional().describe('Arguments of its program'),
  env: texts.optional().describe('Environment variables that are no secrets'),
  secrets: texts
    .optional()
    .describe('Secret variables by reference: env:NAME or file:/path, as the gateway sees them'),
  timeout: z.int().min(1).max(3_600).default(300).describe('Seconds to wait until it runs'),
});

export async function runServer(input: z.output<typeof runInput>, call: ControlCall): Promise<ToolAnswer> {
  const spec = toSpec(input);
  const asked = isCatalogued(spec) ? undefined : await call.confirmation.ask(spec, question(spec), call);
  if (asked) return asked;
  const { server } = await within({ seconds: input.timeout, name: spec.name, ask: ASK_STATUS }, (signal) =>
    call.servers.run(spec, { wait: true, signal }),
  );
  return answer(viewOf(server));
}

/** The template as it is; another version of it is another package. */
function isCatalogued({ template, version }: ServerSpec): boolean {
  return template !== undefined && version === undefined;
}

function toSpec({
  template,
  npm,
  pypi,
  url,
  version,
  timeout: _timeout,
  ...rest
}: z.output<typeof runInput>): ServerSpec {
  const sources = [template, npm, pypi, url].filter((one) => one !== undefined);
  if (sources.length !== 1)
    throw new BerthError('bad-input', 'exactly one of template, npm, pypi and url is needed', {
      hint: 'Search with search_servers: each result says what run_server takes.',
    });
  const source =
    npm !== undefined
      ? { npm: { name: npm, version } }
      : pypi !== undefined
        ? { pypi: { name: pypi, version } }
        : url !== undefined
          ? { remote: { url } }
          : undefined;
  return parseServerSpec(source ? { ...rest, source } : { ...rest, template, version });
}

/** What the person is asked: everything that decides what will run, and nothing that the agent says about it. */
function question(spec: ServerSpec): string {
  const { npm, pypi, remote } = spec.source ?? {};
  const version = npm?.version ?? pypi?.version ?? spec.version ?? 'its newest version';
  const what = npm
    ? `the npm package ${npm.name} (${version})`
    : pypi
      ? `the PyPI package ${pypi.name} (${version})`
      : remote
        ? `a connection to ${remote.url}`
        : `the template ${spec.template} in version ${version}`;
  const args = spec.args.length > 0 ? ` with the arguments ${JSON.stringify(spec.args)}` : '';
  const secrets =
    Object.keys(spec.secrets).length > 0 ? `, given the secrets ${Object.keys(spec.secrets).join(', ')}` : '';
  return `An agent wants to run ${what}${args}${secrets} as the server "${spec.name}". It is not in the catalogue, and nobody has checked it. Run it?`;
}

export const logsInput = z.strictObject({ name, lines: z.int().min(1).max(1_000).default(100) });

export async function serverLogs(
  input: z.output<typeof logsInput>,
  { servers }: ControlCall,
): Promise<ToolAnswer> {
  return answer({ name: input.name, lines: [...(await servers.logs(input.name, input.lines))] });
}

export const toolsInput = z.strictObject({ name });

export async function listTools(
  input: z.output<typeof toolsInput>,
  { calls, caller, context }: ControlCall,
): Promise<ToolAnswer> {
  const tools = await calls.list('tools', { server: input.name, caller, signal: context.mcpReq.signal });
  return answer({ name: input.name, tools });
}

export const callInput = z.strictObject({
  name,
  tool: z.string().describe('Name of the tool, as list_server_tools has it'),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

/** The tool's own result; what its server asks is asked of the caller's person. */
export async function callTool(input: z.output<typeof callInput>, call: ControlCall): Promise<ToolAnswer> {
  const { calls, caller, context, confirmation } = call;
  const { mcpReq } = context;
  const inner = mcpReq.requestState<RoundState>()?.inner;
  const outcome = await calls.call(
    {
      method: 'tools/call',
      params: { name: input.tool, arguments: input.arguments },
      ...(mcpReq.inputResponses && { inputResponses: { ...mcpReq.inputResponses } }),
      ...(inner !== undefined && { requestState: inner }),
    },
    {
      server: input.name,
      caller,
      signal: mcpReq.signal,
      onNotification: (method, params) => forward(method, params, call),
    },
  );
  if (outcome.status === 'complete') return outcome.result as unknown as ToolAnswer;
  const { inputRequests, requestState } = outcome;
  return inputRequired({
    inputRequests: inputRequests as Parameters<typeof inputRequired>[0]['inputRequests'],
    requestState: confirmation.states.mint(requestState === undefined ? {} : { inner: requestState }, caller),
  } as Parameters<typeof inputRequired>[0]);
}

/** Progress of the inner call, under the caller's own token. */
function forward(method: string, params: Readonly<Record<string, unknown>>, { context }: ControlCall): void {
  const progressToken = context.mcpReq._meta?.progressToken;
  if (method !== 'notifications/progress' || progressToken === undefined) return;
  const { progress, total, message } = params;
  void context.mcpReq
    .notify({
      method: 'notifications/progress',
      params: {
        progressToken,
        progress: Number(progress),
        ...(typeof total === 'number' && { total }),
        ...(typeof message === 'string' && { message }),
      },
    })
    .catch(() => undefined);
}
