/** One start of a server: secrets, resolve, install, and one throw-away handshake, each phase with its time. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { BerthError, StartPhase } from '../errors.ts';
import { BerthError as Failure, toBerthError } from '../errors.ts';
import type {
  InstalledTree,
  PackageOptions,
  PackageProgress,
  Packages,
  ResolvedPackage,
} from '../packages/package.ts';
import type { HandshakeReport } from '../supervisor/handshake-report.ts';
import type { ServerDefinition, ServerLimits } from '../supervisor/server-definition.ts';
import type { ServerHost } from './host.ts';
import type { SecretSource } from './secret-reference.ts';
import { resolveSecrets } from './secret-reference.ts';
import type { Gates } from './server-plan.ts';
import { checkGate } from './server-plan.ts';
import type { ServerRecord } from './server-record.ts';
import type { StartLog } from './start-log.ts';

export interface StartTools {
  readonly packages: Packages;
  readonly host: ServerHost;
  readonly secrets: SecretSource;
  /** Folder of the private homes, one for each server id. */
  readonly homes: string;
  readonly clock: Clock;
  readonly allow: Gates;
  /** For what a specification leaves open. */
  readonly limits: ServerLimits;
  /** The template to use instead of a package that cannot be resolved. */
  readonly successor: (packageName: string) => string | undefined;
}

export interface StartInput {
  readonly record: ServerRecord;
  readonly log: StartLog;
  readonly signal: AbortSignal;
  /** Skips the handshake when an earlier start came through: a restart of the gateway starts no process. */
  readonly trustReport: boolean;
  /** Called once version and tree are known, so that they are kept even when a later phase fails. */
  readonly pinned: (pin: { readonly resolved: ResolvedPackage; readonly treeKey?: string }) => void;
}

export interface StartResult {
  readonly definition: ServerDefinition;
  readonly report: HandshakeReport;
}

/** Rejects with the error of the phase that failed, its phase named; with the signal's reason when aborted. */
export async function startServer(tools: StartTools, input: StartInput): Promise<StartResult> {
  const { record, log, signal } = input;
  checkGate(record.plan.source.ecosystem, tools.allow);
  const secrets = await resolveSecrets(record.plan.secrets, tools.secrets);
  const resolved = await resolve(tools, input);
  input.pinned({ resolved });
  signal.throwIfAborted();
  const tree = await install(tools, input, resolved);
  input.pinned({ resolved, treeKey: tree.key });
  signal.throwIfAborted();
  const definition = await define(tools, record, { tree, secrets });
  // A report of a gateway that knew one era says nothing about the other.
  const known = input.trustReport && record.report?.eras ? record.report : undefined;
  const report = known ?? (await probe(tools.host, definition, { log, signal }));
  signal.throwIfAborted();
  return { definition: report.eras ? { ...definition, eras: report.eras } : definition, report };
}

async function resolve(tools: StartTools, { record, log, signal }: StartInput): Promise<ResolvedPackage> {
  return await phase({ tools, log, name: 'resolve' }, async () => {
    const resolved =
      record.resolved ?? (await resolveSource(tools, record, { signal, progress: forward(log) }));
    return { value: resolved, text: `${resolved.name} ${resolved.version}` };
  });
}

async function resolveSource(
  tools: StartTools,
  { plan, spec }: ServerRecord,
  options: PackageOptions,
): Promise<ResolvedPackage> {
  try {
    return await tools.packages.resolve(plan.source, options);
  } catch (thrown) {
    const error = toBerthError(thrown);
    const slug = spec.template === undefined ? tools.successor(plan.source.name) : undefined;
    if (slug === undefined) throw error;
    const hint = `The template ${slug} takes the place of ${plan.source.name}: berth run ${slug}.`;
    throw new Failure(error.code, error.message, { ...error.details, hint });
  }
}

async function install(
  tools: StartTools,
  { record, log, signal }: StartInput,
  resolved: ResolvedPackage,
): Promise<InstalledTree> {
  return await phase({ tools, log, name: 'install' }, async () => {
    const key = record.treeKey;
    const options = { signal, progress: forward(log), ...(key !== undefined && { key }) };
    return { value: await tools.packages.install(resolved, options) };
  });
}

interface PhaseInput {
  readonly tools: StartTools;
  readonly log: StartLog;
  readonly name: 'resolve' | 'install';
}

async function phase<T>(
  { tools, log, name }: PhaseInput,
  run: () => Promise<{ value: T; text?: string }>,
): Promise<T> {
  log.add({ type: 'phase', phase: name, state: 'started' });
  const begun = tools.clock.now();
  try {
    const { value, text } = await run();
    const ms = Math.round(tools.clock.now() - begun);
    log.add({ type: 'phase', phase: name, state: 'done', ms, ...(text !== undefined && { text }) });
    return value;
  } catch (error) {
    throw withPhase(toBerthError(error), name);
  }
}

async function define(
  tools: StartTools,
  record: ServerRecord,
  { tree, secrets }: { tree: InstalledTree; secrets: Readonly<Record<string, string>> },
): Promise<ServerDefinition> {
  const { plan } = record;
  const home = join(tools.homes, record.id);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const homeFiles = Object.entries(plan.homeFiles).map(([name, file]) => [name, join(home, file)]);
  const env = { ...plan.env, ...Object.fromEntries(homeFiles), ...secrets };
  return {
    id: record.id,
    name: record.name,
    launch: tools.packages.launch(tree, { args: plan.args, env, home }),
    isolation: plan.isolation,
    sessions: plan.sessions,
    ...(plan.era && { eras: [plan.era] }),
    limits: { ...tools.limits, ...plan.limits },
    secrets: Object.values(secrets),
  };
}

async function probe(
  host: ServerHost,
  definition: ServerDefinition,
  { log, signal }: { log: StartLog; signal: AbortSignal },
): Promise<HandshakeReport> {
  log.add({ type: 'phase', phase: 'spawn', state: 'started' });
  try {
    const report = await host.probe(definition, signal);
    log.add({ type: 'phase', phase: 'spawn', state: 'done', ms: Math.round(report.spawnMs) });
    log.add({ type: 'phase', phase: 'handshake', state: 'done', ms: Math.round(report.handshakeMs) });
    return report;
  } catch (error) {
    throw withPhase(toBerthError(error), 'spawn');
  }
}

function forward(log: StartLog): (progress: PackageProgress) => void {
  return ({ phase: name, text }) => log.add({ type: 'progress', phase: name, text });
}

function withPhase(error: BerthError, name: StartPhase): BerthError {
  if (error.details.phase !== undefined) return error;
  return new Failure(error.code, error.message, { ...error.details, phase: name });
}
