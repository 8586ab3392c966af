/** A connection to a remote server in the place of a process: there is nothing to start, and nothing to kill. */
import type { Channel } from '../channels/channel.ts';
import { createHttpChannel, type HttpChannelOptions } from '../channels/http.ts';
import type { HttpEndpoint } from '../channels/http-client.ts';
import type { ChannelFailure } from '../channels/http-options.ts';
import { createSseChannel } from '../channels/sse.ts';
import type { ToolHeaders } from '../channels/tool-headers.ts';
import { createWebSocketChannel } from '../channels/websocket.ts';
import type { Clock } from '../clock.ts';
import type { LocalProcess } from '../supervisor/process.ts';
import type { RemoteTransport } from '../supervisor/remote-transport.ts';
import type { ProcessExit } from '../supervisor/server-process.ts';
import { createScrubber, type Scrubber } from '../supervisor/stderr-scrub.ts';

export interface RemoteConnectionOptions {
  readonly endpoint: HttpEndpoint;
  readonly transport: RemoteTransport;
  readonly maxLineBytes: number;
  readonly clock: Clock;
  /** Values to be scrubbed from what the server says. */
  readonly secrets: readonly string[];
  readonly tools?: ToolHeaders;
  /** Told of every call that failed on its way, and of the end of the stream. */
  readonly onFailure?: (failure: ChannelFailure) => void;
}

/** Opens nothing before its channel is used. */
export function connectRemote(options: RemoteConnectionOptions): LocalProcess {
  return new RemoteConnection(options);
}

class RemoteConnection implements LocalProcess {
  readonly pid = 0;
  readonly spawnMs = 0;
  readonly channel: Channel;
  readonly startedAt: number;
  readonly exited: Promise<ProcessExit>;
  readonly ended: Promise<void>;
  readonly #exited = Promise.withResolvers<ProcessExit>();
  readonly #scrubber: Scrubber;
  readonly #endpoint: HttpEndpoint;
  #exit: ProcessExit | undefined;
  #stopping = false;

  constructor({
    endpoint,
    transport,
    maxLineBytes,
    clock,
    secrets,
    tools,
    onFailure,
  }: RemoteConnectionOptions) {
    this.startedAt = clock.now();
    this.#endpoint = endpoint;
    this.#scrubber = createScrubber(secrets);
    this.exited = this.#exited.promise;
    this.ended = this.exited.then(() => undefined);
    const shared = {
      endpoint,
      maxLineBytes,
      clock,
      scrub: (text: string) => this.scrub(text),
      onEnd: () => this.#end(),
      ...(onFailure && { onFailure }),
    };
    this.channel = openChannel(transport, { ...shared, ...(tools && { tools }) });
  }

  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  stderrTail(): string[] {
    return [];
  }

  onStderr(): () => void {
    return () => {};
  }

  scrub(text: string): string {
    const clean = this.#scrubber.clean(text);
    const { credential } = this.#endpoint;
    return credential ? createScrubber(credential.secrets).clean(clean) : clean;
  }

  async stop({ force = false }: { readonly force?: boolean } = {}): Promise<ProcessExit> {
    this.#stopping = true;
    const closed = this.channel.close().then(() => this.#end());
    // The server is told all the same, but nobody waits for it.
    if (force) this.#end();
    else await closed;
    return await this.exited;
  }

  #end(): void {
    this.#exit ??= { code: null, signal: null };
    this.#exited.resolve(this.#exit);
  }
}

function openChannel(transport: RemoteTransport, options: HttpChannelOptions): Channel {
  switch (transport) {
    case 'streamable-http':
      return createHttpChannel(options);
    case 'sse':
      return createSseChannel(options);
    case 'websocket':
      return createWebSocketChannel(options);
  }
}
