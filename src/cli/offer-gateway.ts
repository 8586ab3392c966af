/** A gateway of one's own where there is none: for the time of one command, or in the background. */
import { BerthError, toBerthError } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient } from './client.ts';

const HERE: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

export interface Offer {
  /** Where no gateway answered. */
  readonly url: string;
  /** Agreed to before anybody was asked. */
  readonly start: boolean | undefined;
  /** What is offered, as a question goes on after "Start one here,". */
  readonly until: string;
  /** As in `berth run`. */
  readonly command: string;
}

/** Resolves when one may be started here; rejects with `cause`, or with `unreachable` and what to do. */
export async function agreeToStart(
  { url, start, until, command }: Offer,
  system: CliSystem,
  cause: unknown,
): Promise<void> {
  if (!HERE.has(URL.parse(url)?.hostname ?? '')) throw cause;
  if (start) return;
  if (
    system.interactive &&
    (await system.confirm(`There is no gateway at ${url}. Start one here, ${until}?`))
  )
    return;
  throw new BerthError('unreachable', `there is no gateway at ${url}`, {
    cause,
    hint: `Start one with berth up --detach, or here with ${command} --start.`,
  });
}

/** Looks for a gateway that another program is starting, and milliseconds between them. */
const LOOKS = 120;
const BETWEEN = 250;

/**
 * Starts a gateway in the background where none answers. Programs that do so at the same time get the same one. Rejects with
 * `unreachable` where the address is not of this machine, and with what a start fails with.
 */
export async function ensureGateway(
  client: ApiClient,
  system: CliSystem,
  signal: AbortSignal,
): Promise<void> {
  if (await answers(client, signal)) return;
  const { hostname, protocol, port } = new URL(client.url);
  if (!HERE.has(hostname) || protocol !== 'http:')
    throw new BerthError('unreachable', `there is no gateway at ${client.url}`, {
      hint: 'One can be started only at an http address of this machine.',
    });
  try {
    await system.machine.launch(['--port', port === '' ? '80' : port], signal);
  } catch (thrown) {
    // Another program was quicker, in looking or in locking the data folder.
    await untilAnswers({ client, system, signal, cause: toBerthError(thrown) });
  }
}

interface Waiting {
  readonly client: ApiClient;
  readonly system: CliSystem;
  readonly signal: AbortSignal;
  readonly cause: BerthError;
}

async function untilAnswers({ client, system, signal, cause }: Waiting): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (await answers(client, signal)) return;
    const { state, localUrl } = await system.machine.find();
    if (state === 'none' || state === 'stale') throw cause;
    if (state === 'serving' && localUrl !== undefined && new URL(localUrl).host !== new URL(client.url).host)
      throw new BerthError('unreachable', `there is no gateway at ${client.url}`, {
        hint: `The one of this machine is at ${localUrl}: use --url ${localUrl}.`,
      });
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, BETWEEN));
  }
  throw cause;
}

/** One that refuses is there, too. */
async function answers(client: ApiClient, signal: AbortSignal): Promise<boolean> {
  try {
    await client.health(signal);
    return true;
  } catch (thrown) {
    signal.throwIfAborted();
    return toBerthError(thrown).code !== 'unreachable';
  }
}
