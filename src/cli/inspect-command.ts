/** `berth inspect`: a package tried before it is trusted. */
import type { Command } from 'commander';
import { BerthError, toBerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import { ApiClient, failureError, type ProblemAnswer, toProblemError } from './client.ts';
import { createContext, formatOf, readKey } from './context.ts';
import { EXIT, exitCodeOf, failureText } from './failure.ts';
import { type InspectionAnswer, inspectionText } from './inspect-view.ts';
import { agreeToStart } from './offer-gateway.ts';
import { isData, valueText } from './output.ts';
import { collectPairs } from './pairs.ts';
import type { CommandRunner } from './program.ts';
import { describeTarget, parseReference } from './reference.ts';

interface InspectOptions {
  readonly useVersion?: string;
  readonly bin?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secret: readonly string[];
  readonly network?: boolean;
  readonly unsafe?: boolean;
  readonly name?: string;
  readonly out?: string;
  readonly save?: boolean;
  readonly start?: boolean;
}

type Line =
  | { readonly type: 'progress'; readonly phase: string; readonly text: string }
  | ({ readonly type: 'inspection' } & InspectionAnswer)
  | { readonly type: 'failed'; readonly problem: ProblemAnswer };

export function addInspectCommand(program: Command, system: CliSystem, run: CommandRunner): void {
  program
    .command('inspect <reference> [args...]')
    .description(
      'try a template or a package once, in a sandbox without a network, and report what it offers and does',
    )
    .option('--use-version <version>', 'instead of the version of the template')
    .option('--bin <program>', 'which program of the package to start')
    .option('-e, --env <NAME=value>', 'environment variable (repeatable)', collectPairs('env'), {})
    .option(
      '--secret <NAME>',
      'secret variable that it needs; it gets a made-up value (repeatable)',
      (name: string, all: readonly string[]) => [...all, name],
      [] as readonly string[],
    )
    .option('--network', 'with the network of the machine instead of none')
    .option('--unsafe', 'without a sandbox, as run would start it')
    .option('--name <name>', 'name of the template that is made of it')
    .option('--out <file>', 'write the pinned template to a file, for berth catalog import')
    .option('--save', 'add the pinned template to the catalogue, for berth run')
    .option('--start', 'start a gateway for it when there is none')
    .addHelpText(
      'after',
      '\nArguments of the package come after --, for example: berth inspect npm:some-server -- --read-only',
    )
    .action((reference: string, args: string[], options: InspectOptions, command: Command) =>
      run(command, () => inspect({ reference, args, options, command, system })),
    );
}

interface InspectInput {
  readonly reference: string;
  readonly args: readonly string[];
  readonly options: InspectOptions;
  readonly command: Command;
  readonly system: CliSystem;
}

async function inspect(input: InspectInput): Promise<number> {
  const { client } = await createContext(input.command, input.system);
  try {
    return await inspectAt(client, input);
  } catch (error) {
    if (toBerthError(error).code !== 'unreachable') throw error;
    const { start } = input.options;
    const offer = { url: client.url, start, until: 'for this inspection', command: 'berth inspect' };
    await agreeToStart(offer, input.system, error);
    return await withGateway(input);
  }
}

/** With a gateway that ends with the command. */
async function withGateway(input: InspectInput): Promise<number> {
  const { system, command } = input;
  const gateway = await system.launchGateway();
  try {
    const key = await readKey(command, system);
    const { url } = gateway;
    return await inspectAt(
      new ApiClient({ url, fetch: system.fetch, ...(key !== undefined && { key }) }),
      input,
    );
  } finally {
    await gateway.close();
  }
}

async function inspectAt(client: ApiClient, input: InspectInput): Promise<number> {
  const { options, system, command } = input;
  const format = formatOf(command);
  const answer = await ask(client, input);
  const { report, pinned } = answer;
  const saved = pinned && options.save ? await save(client, pinned.server) : undefined;
  if (pinned && options.out !== undefined)
    await system.replaceFile(options.out, `${JSON.stringify(pinned.server, null, 2)}\n`);
  if (isData(format)) system.out(valueText(answer, format));
  else if (format === 'name') system.out(pinned ? `${pinned.slug}\n` : '');
  else system.out(inspectionText(answer, { wide: format === 'wide', saved, out: pinned && options.out }));
  if (!report.failure) return EXIT.ok;
  const error = failureError(report.failure);
  if (!isData(format)) system.err(failureText(error));
  return exitCodeOf(error);
}

async function ask(client: ApiClient, { reference, args, options, system, command }: InspectInput) {
  const target = parseReference(reference);
  const { env, secret: secrets, useVersion: version, bin, network, unsafe, name: slug } = options;
  const given = { version, bin, network, unsafe, slug };
  const body = {
    ...target,
    ...{ args, env, secrets },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
  const live = system.interactive && !isData(formatOf(command));
  for await (const line of client.lines<Line>('/inspect', { method: 'POST', body })) {
    if (line.type === 'failed') throw toProblemError(line.problem);
    if (line.type === 'inspection') {
      if (live) system.err('\r\x1b[2K');
      return { report: line.report, ...(line.pinned && { pinned: line.pinned }) };
    }
    if (live) system.err(`\r\x1b[2K◒ ${describeTarget(target)}  ${line.text.slice(0, 60)}`);
  }
  throw new BerthError('unreachable', 'the gateway ended before the inspection did');
}

async function save(client: ApiClient, server: unknown): Promise<string> {
  try {
    return (await client.json<{ slug: string }>('/templates', { method: 'POST', body: server })).slug;
  } catch (thrown) {
    const error = toBerthError(thrown);
    if (error.code !== 'conflict') throw error;
    throw new BerthError('conflict', error.message, {
      hint: 'Give it another name: berth inspect … --save --name NAME.',
    });
  }
}
