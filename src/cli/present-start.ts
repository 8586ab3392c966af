/** What a person sees of a start: the progress line, then the URLs or the reason why there are none. */
import type { BerthError } from '../errors.ts';
import { BerthError as Failure } from '../errors.ts';
import type { CliSystem } from './cli-system.ts';
import type { ApiClient, EventAnswer, ServerAnswer } from './client.ts';
import { failureError } from './client.ts';
import { clean, EXIT, exitCodeOf, failureLine, failureText } from './failure.ts';
import { ProgressLine } from './progress.ts';

const TRANSPORT_NAMES: Readonly<Record<string, string>> = {
  'streamable-http': 'Streamable HTTP, old and new clients',
  sse: 'HTTP+SSE',
  websocket: 'WebSocket',
};

export interface PresentInput {
  readonly server: ServerAnswer;
  readonly client: ApiClient;
  readonly json: boolean;
  readonly system: CliSystem;
  readonly title: string;
  /** The gateway lives as long as this command. */
  readonly foreground: boolean;
  readonly signal?: AbortSignal;
}

/** Shows the start and what came of it; returns the exit code. */
export async function presentStart(input: PresentInput): Promise<number> {
  const { client, json, system, signal } = input;
  const started = await watch(input);
  if (signal?.aborted) return EXIT.ok;
  const server = await client.get(input.server.name);
  const { failure, message } = server.status;
  if (isUp(server)) {
    system.out(json ? `${JSON.stringify(server)}\n` : describeRunning(server, input.foreground));
    return EXIT.ok;
  }
  const error = failure ? failureError(failure) : new Failure('stopped', message);
  return report(error, { json, system, afterMs: started.failedAfter });
}

async function watch({
  server,
  client,
  json,
  system,
  title,
  signal,
}: PresentInput): Promise<{ failedAfter: number | undefined }> {
  const line = new ProgressLine(title, {
    write: json ? undefined : (text) => system.err(text),
    live: system.interactive,
  });
  let phaseBegan: number | undefined;
  let failedAfter: number | undefined;
  if (!isUp(server)) {
    for await (const event of client.events(server.name, signal)) {
      line.add(event);
      if (event.type === 'phase' && event.state === 'started') phaseBegan = event.at;
      if (event.type === 'failed' && phaseBegan !== undefined) failedAfter = event.at - phaseBegan;
      if (isEnd(event)) break;
    }
    line.end();
  }
  return { failedAfter };
}

/** It can be called; one that fails its health checks can be, too. */
function isUp({ status }: ServerAnswer): boolean {
  return status.state === 'running' || status.state === 'degraded';
}

function isEnd(event: EventAnswer): boolean {
  return event.type === 'running' || event.type === 'failed' || event.type === 'stopped';
}

function report(
  error: BerthError,
  { json, system, afterMs }: { json: boolean; system: CliSystem; afterMs: number | undefined },
): number {
  system.err(json ? failureLine(error) : failureText(error, afterMs));
  return exitCodeOf(error);
}

function describeRunning({ name, status }: ServerAnswer, foreground: boolean): string {
  const tools = status.tools
    ? `, ${status.tools.length} ${status.tools.length === 1 ? 'tool' : 'tools'}`
    : '';
  const width = Math.max(...status.endpoints.map(({ url }) => url.length)) + 4;
  const urls = status.endpoints.map(
    ({ transport, url }) => `  ${url.padEnd(width)}${TRANSPORT_NAMES[transport] ?? transport}`,
  );
  const next = foreground
    ? `Next, in another terminal: berth connect claude-code ${name} · berth tools ${name} · berth logs -f ${name}. Ctrl-C stops it.`
    : `Next: berth connect claude-code ${name} · berth tools ${name} · berth logs -f ${name} · berth stop ${name}`;
  const eras = status.eras ?? (status.era === undefined ? [] : [status.era]);
  const speaks = eras.length > 0 ? `, speaks ${eras.join(' and ')}` : '';
  const how =
    status.state === 'running'
      ? `${name} is running`
      : `${name} is ${status.state}: ${clean(status.message)}`;
  return `${[`${how}${tools}${speaks}`, ...urls, next].join('\n')}\n`;
}
