/** What every start of a server has in common: what it needs, what comes of it, and its phases. */
import type { Clock } from '../clock.ts';
import type { BerthError, StartPhase } from '../errors.ts';
import { BerthError as Failure, toBerthError } from '../errors.ts';
import type { Packages, ResolvedPackage } from '../packages/package.ts';
import type { HandshakeReport } from '../supervisor/handshake-report.ts';
import type { ResourceLimits } from '../supervisor/resource-limits.ts';
import type { ServerDefinition, ServerLimits } from '../supervisor/server-definition.ts';
import type { ServerHost } from './host.ts';
import type { RemotePolicy } from './remote-policy.ts';
import type { SecretSource } from './secret-reference.ts';
import type { Gates } from './server-plan.ts';
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
  /** Where remote servers may be. */
  readonly remote: RemotePolicy;
  /** For what a specification leaves open. */
  readonly limits: ServerLimits;
  /** The same for memory and processors. */
  readonly resources: ResourceLimits;
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
  /** When the report was made, milliseconds since the epoch. */
  readonly reportedAt: number;
}

interface PhaseInput {
  readonly tools: StartTools;
  readonly log: StartLog;
  readonly name: 'resolve' | 'install';
}

/** Runs one phase: it is told in the log, with its time, and a failure names it. */
export async function phase<T>(
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

/** Asks the host what the server is. A remote server is not spawned. */
export async function probe(
  host: ServerHost,
  definition: ServerDefinition,
  { log, signal }: { log: StartLog; signal: AbortSignal },
): Promise<HandshakeReport> {
  const first = definition.remote ? 'handshake' : 'spawn';
  log.add({ type: 'phase', phase: first, state: 'started' });
  try {
    const report = await host.probe(definition, signal);
    if (!definition.remote)
      log.add({ type: 'phase', phase: 'spawn', state: 'done', ms: Math.round(report.spawnMs) });
    log.add({ type: 'phase', phase: 'handshake', state: 'done', ms: Math.round(report.handshakeMs) });
    return report;
  } catch (error) {
    throw withPhase(toBerthError(error), first);
  }
}

function withPhase(error: BerthError, name: StartPhase): BerthError {
  if (error.details.phase !== undefined) return error;
  return new Failure(error.code, error.message, { ...error.details, phase: name });
}
