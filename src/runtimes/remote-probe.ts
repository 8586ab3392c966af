/**
 * What a URL speaks, in the order of the protocol's own rule: a modern request, then `initialize`, then the event stream of
 * 2024-11-05; over WebSocket both eras at once. Only what a server has shown counts; what is said about credentials, and what may pass, shows nothing.
 */
import type { ChannelFailure } from '../channels/http-options.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { discover } from '../supervisor/discover.ts';
import { type EraProbeOptions, probeEras } from '../supervisor/era-probe.ts';
import { handshake } from '../supervisor/handshake.ts';
import type { Era, HandshakeReport } from '../supervisor/handshake-report.ts';
import type { LocalProcess } from '../supervisor/process.ts';
import { type RemoteTransport, wantedTransport } from '../supervisor/remote-transport.ts';
import { withHeaderFiles } from '../supervisor/secret-files.ts';
import { connectRemote } from './remote-connection.ts';
import {
  createRemoteEndpoint,
  credentialOf,
  type RemoteDefinition,
  type RemoteNetwork,
} from './remote-source.ts';

export interface RemoteProbeOptions {
  /** Those that the server must show to speak; none leaves it to the server. */
  readonly eras?: readonly Era[];
  readonly signal?: AbortSignal;
}

type Talk = typeof discover;

interface Tried {
  readonly report?: HandshakeReport;
  readonly error?: BerthError;
  /** The last request that was refused or lost. */
  readonly failure?: ChannelFailure;
}

/** Milliseconds that each step gets, when the server's own limit is not shorter. */
const STEP_MS = 30_000;
/** Statuses that say: not here, or not like this. */
const ELSEWHERE: ReadonlySet<number | undefined> = new Set([400, 404, 405]);
const CREDENTIALS: ReadonlySet<number | undefined> = new Set([401, 403]);
const UNSUPPORTED_VERSION = -32022;
const CLIENT = { name: 'berth', version: '0' };

/** Rejects with `not-allowed`, `remote-failed` or `start-failed`, phase `handshake`, when the URL shows nothing that can be spoken to. */
export async function probeRemote(
  definition: RemoteDefinition,
  network: RemoteNetwork,
  { eras = [], signal }: RemoteProbeOptions = {},
): Promise<HandshakeReport> {
  const { remote, limits } = definition;
  const { headers, secrets } = await withHeaderFiles(remote, definition.secrets);
  const credential = await credentialOf(definition, network);
  const endpoint = { ...createRemoteEndpoint(remote, network), headers, ...(credential && { credential }) };
  const { clock } = network;
  const talking = {
    timeoutMs: Math.min(limits.startTimeout, STEP_MS),
    clock,
    clientInfo: CLIENT,
    ...(signal && { signal }),
  };
  const connect: Connect = (transport, onFailure) =>
    connectRemote({ endpoint, transport, clock, secrets, onFailure, maxLineBytes: limits.lineBytes });
  const attempt = async (transport: HttpTransport, talk: Talk): Promise<Tried> => {
    let failure: ChannelFailure | undefined;
    const connection = connect(transport, (seen) => {
      failure ??= seen;
    });
    try {
      const report = await talk(connection, talking);
      return { report: { ...report, transport, eras: [talk === discover ? 'modern' : 'legacy'] } };
    } catch (thrown) {
      signal?.throwIfAborted();
      return { error: toFailure(thrown, failure), ...(failure && { failure }) };
    } finally {
      await connection.stop();
    }
  };
  try {
    const transport = wantedTransport(remote);
    if (transport === 'websocket') return await onWebSockets(connect, { ...talking, eras });
    const [era, other] = eras;
    return other ? await both(attempt) : await climb(attempt, transport, era);
  } finally {
    endpoint.agent.destroy();
  }
}

type HttpTransport = Exclude<RemoteTransport, 'websocket'>;
type Connect = (transport: RemoteTransport, onFailure: (failure: ChannelFailure) => void) => LocalProcess;
type Attempt = (transport: HttpTransport, talk: Talk) => Promise<Tried>;

/** Both eras at once, each on a connection of its own, as on the standard streams of a program. */
async function onWebSockets(connect: Connect, options: EraProbeOptions): Promise<HandshakeReport> {
  let failure: ChannelFailure | undefined;
  const start = async (): Promise<LocalProcess> =>
    connect('websocket', (seen) => {
      failure ??= seen;
    });
  try {
    return { ...(await probeEras(start, options)), transport: 'websocket' };
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw toFailure(thrown, failure);
  }
}

async function climb(
  attempt: Attempt,
  transport: HttpTransport | 'auto',
  era: Era | undefined,
): Promise<HandshakeReport> {
  const steps: Tried[] = [];
  if (transport !== 'sse' && era !== 'legacy') {
    const modern = await discovered(attempt);
    if (modern.report || isFinal(modern)) return reportOf(modern);
    steps.push(modern);
  }
  if (transport !== 'sse' && era !== 'modern') {
    const legacy = await attempt('streamable-http', handshake);
    if (legacy.report || isFinal(legacy)) return reportOf(legacy);
    steps.push(legacy);
  }
  const isElsewhere = steps.every(({ failure }) => ELSEWHERE.has(failure?.status));
  if (transport !== 'streamable-http' && era !== 'modern' && isElsewhere) {
    const stream = await attempt('sse', handshake);
    if (stream.report || steps.length === 0) return reportOf(stream);
  }
  // The answer to `initialize` says more to most people than that to a request of the newest revision.
  return reportOf(steps.at(-1) ?? {});
}

/** A server that is known to be of both eras: without being told so, nobody may initialize where a modern request was answered. */
async function both(attempt: Attempt): Promise<HandshakeReport> {
  const modern = reportOf(await discovered(attempt));
  const legacy = reportOf(await attempt('streamable-http', handshake));
  return { ...legacy, eras: [...(legacy.eras ?? []), ...(modern.eras ?? [])] };
}

/** A server may not know our revision by the first name it is asked under, and say which it knows. */
async function discovered(attempt: Attempt): Promise<Tried> {
  const first = await attempt('streamable-http', discover);
  return codeOf(first.failure?.body) === UNSUPPORTED_VERSION
    ? await attempt('streamable-http', discover)
    : first;
}

/** No other question would be answered either. */
function isFinal({ failure }: Tried): boolean {
  if (!failure) return false;
  return CREDENTIALS.has(failure.status) || failure.error.code === 'not-allowed';
}

function reportOf({ report, error }: Tried): HandshakeReport {
  if (report) return report;
  throw error ?? new BerthError('start-failed', 'nothing was tried', { phase: 'handshake' });
}

/** Why a step came to nothing: what happened on the way there, or else the server's own words. */
function toFailure(thrown: unknown, failure: ChannelFailure | undefined): BerthError {
  const error = toBerthError(thrown);
  if (failure?.error.code === 'not-allowed') return failure.error;
  const isAnswered = codeOf(failure?.body) !== undefined && !CREDENTIALS.has(failure?.status);
  if (failure && !isAnswered) {
    const { code, message, hint } = failure.error;
    return new BerthError(code, message, { phase: 'handshake', hint, cause: failure.error });
  }
  return new BerthError('start-failed', error.message, {
    phase: 'handshake',
    hint: 'Check whether the URL is that of an MCP server, and what it wants of its clients.',
    cause: error,
  });
}

function codeOf(body: Buffer | undefined): unknown {
  try {
    const parsed: unknown = JSON.parse(body?.toString('utf8') ?? '');
    return (parsed as { error?: { code?: unknown } } | null)?.error?.code;
  } catch {
    return undefined;
  }
}
