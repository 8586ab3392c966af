/** `berth call | tools | prompts | resources`: what a server offers, and one use of it. */
import type { Command } from 'commander';
import { BerthError } from '../errors.ts';
import { parseObject, toArguments, toTexts } from './call-arguments.ts';
import {
  type CallInput,
  type CallLine,
  listOffer,
  listTemplates,
  makeCall,
  type PromptAnswer,
  type ResourceAnswer,
  type ToolAnswer,
} from './call-client.ts';
import { resultText } from './call-content.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient } from './client.ts';
import { type CliContext, createContext } from './context.ts';
import { answerAll } from './elicit.ts';
import { clean, EXIT } from './failure.ts';
import { isData, type ListShape, listText, valueText } from './output.ts';
import type { CommandRunner } from './program.ts';

interface CallOptions {
  readonly arg: readonly string[];
  readonly json?: string;
  readonly answer: readonly string[];
}

/** Rounds of questions in one call; a server that goes on asking is left. */
const MOST_ROUNDS = 20;

export function addCallCommands(program: Command, system: CliSystem, run: CommandRunner): void {
  const words = (text: string, before: readonly string[]): string[] => [...before, text];
  program
    .command('call <server> <tool> [arguments...]')
    .description('call a tool of a server: berth call everything echo message=hi')
    .option('--arg <name=value>', 'an argument (repeatable), like those after the tool', words, [])
    .option('--json <object>', 'all arguments as JSON, from a file with @path, from standard input with -')
    .option('--answer <name=value>', 'a field that the server will ask for (repeatable)', words, [])
    .action((server: string, tool: string, given: string[], options: CallOptions, command: Command) =>
      run(command, () => callTool({ server, tool, given, options, command, system })),
    );
  program
    .command('tools <server> [tool]')
    .description('list the tools of a server, or show one with the schema of its arguments')
    .action((server: string, tool: string | undefined, _options: unknown, command: Command) =>
      run(command, () => tools({ server, tool, command, system })),
    );
  program
    .command('prompts <server> [prompt] [arguments...]')
    .description('list the prompts of a server, or fill one in: berth prompts everything simple-prompt')
    .action(
      (server: string, prompt: string | undefined, given: string[], _options: unknown, command: Command) =>
        run(command, () => prompts({ server, prompt, given, command, system })),
    );
  program
    .command('resources <server> [uri]')
    .description('list the resources of a server and their templates, or read one')
    .action((server: string, uri: string | undefined, _options: unknown, command: Command) =>
      run(command, () => resources({ server, uri, command, system })),
    );
}

interface Target {
  readonly server: string;
  readonly command: Command;
  readonly system: CliSystem;
}

async function callTool({
  server,
  tool,
  given,
  options,
  command,
  system,
}: Target & {
  readonly tool: string;
  readonly given: readonly string[];
  readonly options: CallOptions;
}): Promise<number> {
  const context = await createContext(command, system);
  const named = [...given, ...options.arg];
  if (options.json !== undefined && named.length > 0)
    throw new BerthError('bad-input', 'either --json or single arguments');
  const args =
    options.json === undefined
      ? await typedArguments(context.client, { server, tool, named })
      : parseObject(await readJson(options.json, system));
  const body = { tool, arguments: args };
  return await converse({ server, kind: 'call', body }, { context, system, given: toTexts(options.answer) });
}

/** The schema is asked for only where there is something to make fit. */
async function typedArguments(
  client: ApiClient,
  {
    server,
    tool,
    named,
  }: { readonly server: string; readonly tool: string; readonly named: readonly string[] },
): Promise<Record<string, unknown>> {
  if (named.length === 0) return {};
  const found = (await listOffer(client, server, 'tools')).find(({ name }) => name === tool);
  if (!found) throw noSuch(server, 'tool', tool);
  return toArguments(named, found.inputSchema);
}

async function readJson(text: string, system: CliSystem): Promise<string> {
  if (text === '-') return await system.readInput();
  if (!text.startsWith('@')) return text;
  return await system.readFile(text.slice(1)).catch((cause: unknown) => {
    throw new BerthError('bad-input', `the file ${text.slice(1)} cannot be read`, { cause });
  });
}

interface Conversation {
  readonly context: CliContext;
  readonly system: CliSystem;
  /** Fields answered beforehand. */
  readonly given: Readonly<Record<string, string>>;
}

/** A call with all its rounds; ends it when the person leaves. */
async function converse(call: CallInput, { context, system, given }: Conversation): Promise<number> {
  const { client, format } = context;
  const leaving = new AbortController();
  const cancel = system.onSignal(() => leaving.abort());
  let body = call.body;
  try {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const onLine = (line: CallLine): void => showLine(line, call.server, system);
      const answer = await makeCall(client, { ...call, body, onLine, signal: leaving.signal });
      if (answer.status === 'complete') {
        const { result } = answer;
        system.out(isData(format) ? valueText(result, format) : resultText(result));
        return result.isError === true ? EXIT.serverFailed : EXIT.ok;
      }
      const { inputRequests, requestState } = answer;
      const inputResponses = await answerAll(inputRequests, { system, server: call.server, given });
      body = { ...call.body, inputResponses, ...(requestState !== undefined && { requestState }) };
    }
  } catch (error) {
    if (leaving.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    cancel();
  }
  throw new BerthError('call-failed', `${call.server} does not stop asking`);
}

function showLine(line: CallLine, server: string, system: CliSystem): void {
  if (line.type === 'progress') {
    const { progress = 0, total, message } = line;
    const far = total === undefined ? String(progress) : `${progress}/${total}`;
    system.err(`  ${far}${message === undefined ? '' : `  ${clean(message)}`}\n`);
  } else if (line.type === 'log') {
    const text = typeof line.data === 'string' ? line.data : JSON.stringify(line.data);
    system.err(`  ${server} ${clean(line.level ?? 'info')}  ${clean(text)}\n`);
  }
}

const TOOLS: ListShape<ToolAnswer> = {
  name: ({ name }) => name,
  columns: [
    { head: 'TOOL', of: ({ name }) => clean(name) },
    {
      head: 'ARGUMENTS',
      of: ({ inputSchema }) => argumentNames(inputSchema?.properties, inputSchema?.required),
    },
    { head: 'WHAT', of: ({ description, title }) => firstLine(description ?? title) },
  ],
};

const PROMPTS: ListShape<PromptAnswer> = {
  name: ({ name }) => name,
  columns: [
    { head: 'PROMPT', of: ({ name }) => clean(name) },
    {
      head: 'ARGUMENTS',
      of: ({ arguments: args = [] }) =>
        args.map(({ name, required }) => clean(required === true ? name : `[${name}]`)).join(' '),
    },
    { head: 'WHAT', of: ({ description }) => firstLine(description) },
  ],
};

const RESOURCES: ListShape<ResourceAnswer> = {
  name: ({ uri, uriTemplate }) => uri ?? uriTemplate ?? '',
  columns: [
    { head: 'URI', of: ({ uri, uriTemplate }) => clean(uri ?? uriTemplate ?? '') },
    { head: 'TYPE', of: ({ mimeType }) => clean(mimeType ?? '-') },
    { head: 'NAME', of: ({ name }) => clean(name) },
    { head: 'WHAT', wide: true, of: ({ description }) => firstLine(description) },
  ],
};

async function tools({
  server,
  tool,
  command,
  system,
}: Target & { readonly tool: string | undefined }): Promise<number> {
  const { client, format } = await createContext(command, system);
  const all = await listOffer(client, server, 'tools');
  if (tool === undefined) system.out(listText(all, format, TOOLS));
  else {
    const found = all.find(({ name }) => name === tool);
    if (!found) throw noSuch(server, 'tool', tool);
    system.out(valueText(found, format));
  }
  return EXIT.ok;
}

async function prompts({
  server,
  prompt,
  given,
  command,
  system,
}: Target & { readonly prompt: string | undefined; readonly given: readonly string[] }): Promise<number> {
  const context = await createContext(command, system);
  if (prompt === undefined) {
    system.out(listText(await listOffer(context.client, server, 'prompts'), context.format, PROMPTS));
    return EXIT.ok;
  }
  const body = { prompt, arguments: toTexts(given) };
  return await converse({ server, kind: 'prompt', body }, { context, system, given: {} });
}

async function resources({
  server,
  uri,
  command,
  system,
}: Target & { readonly uri: string | undefined }): Promise<number> {
  const context = await createContext(command, system);
  if (uri !== undefined)
    return await converse({ server, kind: 'read', body: { uri } }, { context, system, given: {} });
  const { client, format } = context;
  const all = [...(await listOffer(client, server, 'resources')), ...(await listTemplates(client, server))];
  system.out(listText(all, format, RESOURCES));
  return EXIT.ok;
}

function argumentNames(properties: object = {}, required: readonly string[] = []): string {
  const needed = new Set(required);
  return Object.keys(properties)
    .map((name) => clean(needed.has(name) ? name : `[${name}]`))
    .join(' ');
}

function firstLine(text = ''): string {
  const line = clean(text).trim().split('\n', 1)[0] ?? '';
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function noSuch(server: string, kind: 'tool', name: string): BerthError {
  return new BerthError('not-found', `${server} has no ${kind} ${JSON.stringify(name)}`, {
    hint: `List what it has with: berth ${kind}s ${server}.`,
  });
}
