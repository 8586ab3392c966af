/** Clients of one server of a release, the recorder, while gateways and pods are lost under them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Message } from '../../support/inbox.ts';
import { type McpClient, requestText } from '../../support/mcp-client.ts';
import { type ModernCall, ModernHttpClient } from '../../support/modern-client.ts';
import { StreamableClient } from '../../support/streamable-client.ts';
import { type Recorded, recorded } from './recorder.ts';
import { type ReleasePod, type RunningRelease, steady } from './release.ts';

/** Of a POST whose gateway is away, 50 ms apart at least. */
const TRIES = 3_600;
/** Milliseconds that the end of a pod may take on a busy machine. */
export const PATIENCE = 180_000;

/** A call of a tool under its key as id, and as its one argument. */
export function keyedCall(name: string, key: string): string {
  return requestText(`"${key}"`, 'tools/call', { name, arguments: { key } });
}

/** The error of a call that was in flight under its key; an answer throws. */
export async function errorOf(client: McpClient, key: string): Promise<NonNullable<Message['error']>> {
  const { message, text } = await client.inbox.answer(`"${key}"`, PATIENCE);
  if (!message.error) throw new Error(`${key} was answered: ${text}`);
  return message.error;
}

/**
 * Sends a text until its gateway, which is away for a while, takes it; no other refusal than that is let pass. A Service without a
 * gateway may lead out of the cluster, where whoever answers forbids it (403).
 */
export async function resend(client: StreamableClient, text: string): Promise<void> {
  for (let tries = 1; tries < TRIES; tries++) {
    const status = await client.send(text).catch(() => 0);
    if (status === 200) return;
    expect([0, 403, 503]).toContain(status);
    await sleep(50);
  }
  throw new Error('the gateway did not come back');
}

export class ServerClients {
  readonly #release: RunningRelease;
  readonly name: string;

  constructor(release: RunningRelease, name: string) {
    this.#release = release;
    this.name = name;
  }

  /** `…/servers/NAME`. */
  get base(): string {
    return this.#release.serverUrl(this.name);
  }

  get options(): { readonly key: string } {
    return { key: this.#release.key };
  }

  /** Without the handshake. */
  streamable(): StreamableClient {
    return new StreamableClient(`${this.base}/mcp`, this.options);
  }

  modern(): ModernHttpClient {
    return new ModernHttpClient(`${this.base}/mcp`, this.options);
  }

  /** A modern call that is answered when its key is released. */
  heldModern(key: string): ModernCall {
    return this.modern().start('tools/call', { name: 'hold', arguments: { key } });
  }

  async opened(): Promise<StreamableClient> {
    const client = this.streamable();
    const { message, text } = await client.initialize();
    if (message.error) throw new Error(`initialize: ${text}`);
    return client;
  }

  /** A session as soon as there can be one. */
  openedAgain(): Promise<StreamableClient> {
    return steady('a new session', () => this.opened().catch(() => undefined));
  }

  /** What the process of modern clients, and all others of its pod, have executed. */
  async modernRecord(): Promise<Recorded> {
    const { result } = await this.modern().tool('executions');
    const [first] = (result?.content ?? []) as { text: string }[];
    return JSON.parse(first?.text ?? '') as Recorded;
  }

  /** Resolves when all these have been executed. */
  async executed(watcher: StreamableClient, keys: readonly string[]): Promise<void> {
    await steady(`executions of ${keys.join(', ')}`, async () => {
      const { executions } = await recorded(watcher);
      return keys.every((key) => executions.includes(key)) ? true : undefined;
    });
  }

  /** The one pod of the server that does not end, once it is ready. */
  pod(): Promise<ReleasePod> {
    return steady(`a ready pod of ${this.name}`, async () => {
      const all = await this.#release.serverPods(this.name);
      const [pod, ...others] = all.filter(({ metadata }) => !metadata.deletionTimestamp);
      const isReady = pod?.status.containerStatuses?.every(({ ready }) => ready) ?? false;
      return isReady && others.length === 0 ? pod : undefined;
    });
  }
}
