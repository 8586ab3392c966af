/** One start of a server: secrets, resolve, install, and one throw-away handshake, each phase with its time. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError as Failure, toBerthError } from '../errors.ts';
import type { InstalledTree, PackageOptions, PackageProgress, ResolvedPackage } from '../packages/package.ts';
import { pinnedEras } from '../supervisor/handshake-report.ts';
import type { ServerDefinition } from '../supervisor/server-definition.ts';
import { wantedOf } from './machine-limits.ts';
import { resolveSecrets } from './secret-reference.ts';
import type { PackagePlan } from './server-plan.ts';
import { checkGate } from './server-plan.ts';
import type { StartLog } from './start-log.ts';
import type { StartInput, StartResult, StartTools } from './start-phases.ts';
import { phase, probe } from './start-phases.ts';
import { startRemote } from './start-remote.ts';

/** Rejects with the error of the phase that failed, its phase named; with the signal's reason when aborted. */
export async function startServer(tools: StartTools, input: StartInput): Promise<StartResult> {
  const { plan } = input.record;
  return plan.remote ? await startRemote(tools, input, plan) : await startPackage(tools, { ...input, plan });
}

interface PackageStart extends StartInput {
  readonly plan: PackagePlan;
}

async function startPackage(tools: StartTools, input: PackageStart): Promise<StartResult> {
  const { record, plan, log, signal } = input;
  checkGate(plan.source.ecosystem, tools);
  const secrets = await resolveSecrets(plan.secrets, tools.secrets);
  const resolved = await resolve(tools, input);
  input.pinned({ resolved });
  signal.throwIfAborted();
  const tree = await install(tools, input, resolved);
  input.pinned({ resolved, treeKey: tree.key });
  signal.throwIfAborted();
  const definition = await define(tools, input, { tree, secrets });
  // A report of a gateway that knew one era says nothing about the other.
  const known = input.trustReport && record.report?.eras ? record.report : undefined;
  const report = known ?? (await probe(tools.host, definition, { log, signal }));
  signal.throwIfAborted();
  return {
    definition: report.eras ? { ...definition, eras: report.eras } : definition,
    report,
    reportedAt: (known && record.reportedAt) ?? Date.now(),
  };
}

async function resolve(tools: StartTools, input: PackageStart): Promise<ResolvedPackage> {
  const { record, log, signal } = input;
  return await phase({ tools, log, name: 'resolve' }, async () => {
    const resolved =
      record.resolved ?? (await resolveSource(tools, input, { signal, progress: forward(log) }));
    return { value: resolved, text: `${resolved.name} ${resolved.version}` };
  });
}

async function resolveSource(
  tools: StartTools,
  { plan, record: { spec } }: PackageStart,
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

async function define(
  tools: StartTools,
  { record, plan }: PackageStart,
  { tree, secrets }: { tree: InstalledTree; secrets: Readonly<Record<string, string>> },
): Promise<ServerDefinition> {
  const home = join(tools.homes, record.id);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const homeFiles = Object.entries(plan.homeFiles).map(([name, file]) => [name, join(home, file)]);
  const env = { ...plan.env, ...Object.fromEntries(homeFiles), ...secrets };
  const resources = { ...tools.resources, ...plan.resources };
  return {
    id: record.id,
    name: record.name,
    launch: tools.packages.launch(tree, { args: plan.args, env, home }),
    isolation: plan.isolation,
    sessions: plan.sessions,
    ...(plan.era && { eras: pinnedEras(plan.era) }),
    limits: { ...tools.limits, ...plan.limits },
    ...(wantedOf(resources).length > 0 && { resources }),
    secrets: Object.values(secrets),
  };
}

function forward(log: StartLog): (progress: PackageProgress) => void {
  return ({ phase: name, text }) => log.add({ type: 'progress', phase: name, text });
}
