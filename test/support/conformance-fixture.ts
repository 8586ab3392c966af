/** The conformance fixture: where it lies, and a raw client on its standard streams. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CODE_CACHE } from './code-cache.ts';
import type { Message, Received } from './inbox.ts';
import { type ClientOptions, McpClient } from './mcp-client.ts';

export type FixtureEra = 'legacy' | 'modern' | 'dual';
export const FIXTURE_ERAS: readonly FixtureEra[] = ['legacy', 'modern', 'dual'];

const MAIN = fileURLToPath(new URL('../fixtures/conformance-server/main.ts', import.meta.url));

export interface FixtureLaunch {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How to start the fixture, as a server's launch. */
export function fixtureLaunch(era: FixtureEra): FixtureLaunch {
  return { file: process.execPath, args: [MAIN, '--era', era], env: CODE_CACHE };
}

/** `_meta` of a modern request. */
export function envelope(clientCapabilities: unknown = {}, more: Record<string, unknown> = {}) {
  return {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': clientCapabilities,
    ...more,
  };
}

/** A client directly on a process of the fixture, without any gateway. */
export class FixtureClient extends McpClient {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #last = 0;

  constructor(era: FixtureEra, options: ClientOptions = {}) {
    super(options);
    const { file, args, env } = fixtureLaunch(era);
    this.#child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exit = once(this.#child, 'exit');
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => this.inbox.push(line, 'stdio'));
    lines.once('close', () => this.inbox.end('the process has ended'));
  }

  send(text: string): Promise<number> {
    this.#child.stdin!.write(`${text}\n`);
    return Promise.resolve(0);
  }

  /** A modern request under a fresh id. */
  async modern(
    method: string,
    params: Record<string, unknown> = {},
    capabilities: unknown = {},
  ): Promise<Message> {
    const { _meta, ...rest } = params;
    const meta = envelope(capabilities, _meta as Record<string, unknown> | undefined);
    return (await this.request(String(++this.#last), method, { ...rest, _meta: meta })).message;
  }

  /** A modern tool call without arguments. */
  modernTool(name: string, capabilities: unknown = {}, more: Record<string, unknown> = {}): Promise<Message> {
    return this.modern('tools/call', { name, arguments: {}, ...more }, capabilities);
  }

  /** The next notification, whichever. */
  notification(): Promise<Received> {
    return this.inbox.take(
      'a notification',
      ({ message }) => message.method?.startsWith('notifications/') === true,
    );
  }

  /** Ends the input; resolves when the process is gone. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    await this.#exit;
  }
}
