/** Opens the WebSocket of a remote command, or says why the cluster refuses. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { ClusterAccess, ClusterCredentials } from './access.ts';
import { type ApiStatus, apiStatusOf, readApiStatus, refusalError } from './api-status.ts';
import { V4, V5 } from './exec-frames.ts';

/** Milliseconds from the first byte to the upgrade. */
export const HANDSHAKE_LIMIT = 10_000;
/** Bytes of one message; the server's hold at most 32 KiB. */
const MOST_MESSAGE = 1024 * 1024;
/** Milliseconds between the probes that find a peer which has vanished. */
const TCP_KEEPALIVE = 15_000;
const MOST_BODY = 64 * 1024;

/** A command in a container of a running pod. It travels in a URL: nothing secret may stand in it. */
export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

export interface ExecSocketOptions {
  readonly access: ClusterAccess;
  readonly target: ExecTarget;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What `opened` makes of the socket in the very turn in which it opens, so that no message is missed. */
export async function openExecSocket<T>(
  options: ExecSocketOptions,
  opened: (socket: WebSocket) => T,
): Promise<T> {
  const { access } = options;
  try {
    return await handshake(options, await access.credentials(), opened);
  } catch (error) {
    if (apiStatusOf(error)?.code !== 401) throw error;
    access.refresh();
    return await handshake(options, await access.credentials(), opened);
  }
}

function handshake<T>(
  { access, target, clock, signal }: ExecSocketOptions,
  credentials: ClusterCredentials,
  opened: (socket: WebSocket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = new WebSocket(execUrl(access.baseUrl, target), [V5, V4], socketOptions(credentials));
    const settle = (): void => {
      cancelLimit();
      signal.removeEventListener('abort', aborted);
    };
    const fail = (reason: unknown): void => {
      settle();
      socket.terminate();
      reject(reason);
    };
    const aborted = (): void => fail(signal.reason);
    const late = (): void => fail(unreachable(target, `no answer within ${HANDSHAKE_LIMIT / 1_000} s`));
    const cancelLimit = clock.after(HANDSHAKE_LIMIT, late);
    signal.addEventListener('abort', aborted);
    socket.on('error', (error) => fail(unreachable(target, error.message, error)));
    socket.once('upgrade', ({ socket: carrier }) => (carrier as Socket).setKeepAlive(true, TCP_KEEPALIVE));
    socket.once('unexpected-response', (_request, response) => {
      readRefusal(response).then((status) => fail(refused(target, status)), fail);
    });
    socket.once('open', () => {
      settle();
      resolve(opened(socket));
    });
  });
}

/** Pongs are given by hand: none may leave while reading is paused. */
function socketOptions({ headers, tls, agent }: ClusterCredentials): ClientOptions {
  return {
    ...tls,
    ...(agent ? { agent } : {}),
    headers,
    autoPong: false,
    perMessageDeflate: false,
    maxPayload: MOST_MESSAGE,
    skipUTF8Validation: true,
  };
}

function execUrl(baseUrl: string, { namespace, pod, container, command }: ExecTarget): string {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec`;
  const query = new URLSearchParams({ container, stdin: 'true', stdout: 'true', stderr: 'true' });
  for (const part of command) query.append('command', part);
  return `${baseUrl}${path}?${query}`;
}

async function readRefusal(response: IncomingMessage): Promise<ApiStatus> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response) {
      size += (part as Buffer).length;
      if (size > MOST_BODY) break;
      parts.push(part as Buffer);
    }
  } catch {
    // A body that breaks off is still an answer: its status says enough.
  }
  const body = Buffer.concat(parts).toString('utf8');
  return readApiStatus({ status: response.statusCode ?? 0, headers: response.headers, body });
}

function refused(target: ExecTarget, status: ApiStatus): BerthError {
  const doing = `run a command in ${nameOf(target)}`;
  if (status.code === 403 && status.message.trim().endsWith('forbidden:')) return halfAllowed(target, status);
  if (status.code !== 400) return refusalError(doing, status);
  return new BerthError('busy', `cannot ${doing}: ${status.message}`, {
    cause: status,
    hint: 'The container does not run (any more, or yet): try again when its pod is ready.',
  });
}

/** From 1.35 on `create` is asked for beside `get`, and its lack is all but silent. */
function halfAllowed(target: ExecTarget, status: ApiStatus): BerthError {
  return new BerthError(
    'cluster-refused',
    `cannot run a command in ${nameOf(target)}: ${status.message} no right`,
    {
      cause: status,
      hint: `Grant our account in namespace ${target.namespace}: apiGroups [""], resources ["pods/exec"], verbs ["get", "create"].`,
    },
  );
}

function unreachable(target: ExecTarget, why: string, cause?: unknown): BerthError {
  return new BerthError('busy', `cannot run a command in ${nameOf(target)}: ${why}`, {
    cause,
    hint: 'The API server cannot be reached: see whether the cluster runs and the network lets us through.',
  });
}

function nameOf({ namespace, pod, container }: ExecTarget): string {
  return `container ${container} of pod ${namespace}/${pod}`;
}
