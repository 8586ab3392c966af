/** The start of a server that somebody else runs: its headers, and what it speaks. */
import { BerthError } from '../errors.ts';
import { pinnedEras } from '../supervisor/handshake-report.ts';
import type { ServerDefinition } from '../supervisor/server-definition.ts';
import type { HeaderReference, SecretSource } from './secret-reference.ts';
import { resolveSecrets } from './secret-reference.ts';
import type { RemotePlan } from './server-plan.ts';
import { checkGate } from './server-plan.ts';
import type { ServerRecord } from './server-record.ts';
import type { StartInput, StartResult, StartTools } from './start-phases.ts';
import { probe } from './start-phases.ts';

/** What a remote server is changes without anybody's doing here: after this time, in milliseconds, it is looked at again. */
export const REMOTE_REPORT_MS = 60 * 60_000;

/** A header value that can be sent: visible ASCII and blanks. */
const SENDABLE = /^[\t\x20-\x7e]+$/;

/** Rejects with `not-allowed`, `missing-input`, or why the server cannot be spoken to. */
export async function startRemote(
  tools: StartTools,
  input: StartInput,
  plan: RemotePlan,
): Promise<StartResult> {
  const { record, signal } = input;
  checkGate('remote', tools);
  tools.remote.check(new URL(plan.remote.url));
  const { headers, secrets } = await resolveHeaders(plan.remote.headers, tools.secrets);
  const definition: ServerDefinition = {
    id: record.id,
    name: record.name,
    remote: { url: plan.remote.url, transport: plan.remote.transport, headers },
    isolation: plan.isolation,
    sessions: plan.sessions,
    ...(plan.era && { eras: pinnedEras(plan.era) }),
    limits: { ...tools.limits, ...plan.limits },
    secrets,
  };
  const known = input.trustReport && !isReportOutdated(record) ? record.report : undefined;
  const report = known ?? (await probe(tools.host, definition, input));
  signal.throwIfAborted();
  const { transport = definition.remote.transport, eras } = report;
  return {
    definition: { ...definition, remote: { ...definition.remote, transport }, ...(eras && { eras }) },
    report,
    reportedAt: (known && record.reportedAt) ?? Date.now(),
  };
}

/** What is known of a remote server is too old to be believed; of other servers it never is. */
export function isReportOutdated({ plan, reportedAt = 0 }: ServerRecord): boolean {
  return plan.remote !== undefined && Date.now() - reportedAt >= REMOTE_REPORT_MS;
}

async function resolveHeaders(
  references: Readonly<Record<string, HeaderReference>>,
  source: SecretSource,
): Promise<{ headers: Record<string, string>; secrets: string[] }> {
  const values = await resolveSecrets(references, source, '/source/remote/headers');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    const scheme = references[name]?.scheme;
    const text = scheme === undefined ? value.trim() : `${scheme} ${value.trim()}`;
    if (!SENDABLE.test(text)) throw unsendable(name);
    headers[name] = text;
  }
  return { headers, secrets: [...new Set([...Object.values(values), ...Object.values(headers)])] };
}

function unsendable(name: string): BerthError {
  const detail = `the value of header ${name} is empty, or has characters that no header can have`;
  return new BerthError('bad-input', detail, {
    fields: [{ pointer: `/source/remote/headers/${name}`, detail }],
    hint: 'Correct the variable or the file that it is taken from.',
  });
}
