/** A modern client's end of its conversation: envelopes, rounds of parked calls, leaving. */

import type { ModernCall } from '../../src/sessions/call-request.ts';
import type { ParkRecord, StreamEvent } from '../../src/sessions/reader.ts';
import { type Harness, message, settle, TestReader } from './harness.ts';

export const VERSION = '2026-07-28';

/** Raw text of a modern request's params: members first, then `_meta` with the envelope and whatever else is given. */
export function modernParams(
  members: Record<string, unknown> = {},
  options: { readonly capabilities?: unknown; readonly meta?: Record<string, unknown> } = {},
): string {
  const { capabilities = {}, meta = {} } = options;
  return JSON.stringify({
    ...members,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': VERSION,
      'io.modelcontextprotocol/clientCapabilities': capabilities,
      ...meta,
    },
  });
}

export interface ModernRequestOptions {
  readonly id?: string;
  readonly capabilities?: unknown;
  readonly meta?: Record<string, unknown>;
  readonly modern?: ModernCall;
  /** One that reads at once when absent. */
  readonly reader?: TestReader;
}

let lastKey = 0;
let lastId = 0;

/** The modern clients of one principal. */
export class ModernClient {
  readonly #harness: Harness;
  readonly #principal: string;
  readonly capabilities: unknown;

  constructor(
    harness: Harness,
    options: { readonly principal?: string; readonly capabilities?: unknown } = {},
  ) {
    this.#harness = harness;
    this.#principal = options.principal ?? 'alice';
    this.capabilities = options.capabilities ?? {};
  }

  /** Sends a request, without waiting for anything. */
  send(
    method: string,
    members: Record<string, unknown> = {},
    options: ModernRequestOptions = {},
  ): TestReader {
    const { id = String(++lastId), capabilities = this.capabilities, meta } = options;
    const params = modernParams(members, { capabilities, ...(meta && { meta }) });
    return this.sendRaw(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`, options);
  }

  sendRaw(text: string, options: Pick<ModernRequestOptions, 'modern' | 'reader'> = {}): TestReader {
    const { modern = {}, reader = new TestReader() } = options;
    const target = {
      server: this.#harness.definition.id,
      kind: 'modern',
      key: '',
      principal: this.#principal,
    } as const;
    const conversation = this.#harness.supervisor.conversation(target);
    const request = { key: `modern-${++lastKey}`, messages: [message(text)], batch: false, modern };
    reader.attachment = conversation.call(request, reader);
    return reader;
  }

  /** Sends a request and lets everything that is under way arrive. */
  async call(
    method: string,
    members: Record<string, unknown> = {},
    options: ModernRequestOptions = {},
  ): Promise<TestReader> {
    const reader = this.send(method, members, options);
    await settle();
    return reader;
  }

  /** The next round of a call: the same request with answers. */
  async retry(
    park: ParkRecord,
    inputResponses: unknown,
    options: ModernRequestOptions & {
      readonly members?: Record<string, unknown>;
      readonly method?: string;
    } = {},
  ): Promise<TestReader> {
    const { members = { name: 'ask', arguments: {} }, method = 'tools/call' } = options;
    const modern = { ...options.modern, resume: { call: park.call, round: park.round } };
    return await this.call(
      method,
      { ...members, inputResponses, requestState: 'sealed' },
      { ...options, modern },
    );
  }
}

/** The park record of a reader's last event; throws when it was no question. */
export function parkOf(reader: TestReader): ParkRecord {
  const { park } = reader.events.at(-1) as StreamEvent;
  if (!park) throw new Error(`not parked: ${reader.texts.join('\n')} ${reader.error?.message ?? ''}`);
  return park;
}
