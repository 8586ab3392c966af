/** What a legacy server said of itself in its handshake, and how a modern client is told. */
import type { Clock } from '../../../clock.ts';
import { BerthError } from '../../../errors.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';
import type { Upstream } from '../../upstream.ts';
import { limitHandshake } from '../handshake-time.ts';
import { BERTH_CLIENT, LEGACY_REVISIONS, readInitializeResult } from '../initialize.ts';
import { MODERN_REVISION } from '../modern/serving.ts';

type Json = Readonly<Record<string, unknown>>;

export interface LegacyServer {
  readonly capabilities: Json;
  /** JSON text, with name and version. */
  readonly serverInfo: string;
  readonly instructions?: string;
}

/** Milliseconds that a client may keep what a server says of itself. */
const DISCOVER_TTL = 5_000;
const QUOTED = 500;

/** Berth's handshake in a client's place, with what that client declared. `clientInfo` is JSON text. */
export function shakeHands(
  upstream: Upstream,
  client: {
    readonly capabilities: string;
    readonly clientInfo?: string | undefined;
    readonly clock: Clock;
    readonly startTimeout: number;
  },
): Promise<LegacyServer> {
  const { capabilities, clientInfo = JSON.stringify(BERTH_CLIENT) } = client;
  const params = `{"protocolVersion":"${LEGACY_REVISIONS[0]}","capabilities":${capabilities},"clientInfo":${clientInfo}}`;
  return new Promise((resolve, reject) => {
    const inTime = limitHandshake(upstream, client, reject);
    upstream.request('initialize', params, {
      rawToken: undefined,
      answered: (line, envelope) => {
        inTime();
        if (envelope.kind === 'error') return reject(refused(line));
        upstream.send([Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')]);
        resolve(readServer(line, envelope));
      },
      progressed: () => {},
      failed: (error) => {
        inTime();
        reject(error);
      },
    });
  });
}

function readServer(line: Buffer, envelope: Envelope): LegacyServer {
  const { capabilities, serverInfo, instructions } = readInitializeResult(line, envelope);
  const { name, version, ...more } = isObject(serverInfo) ? serverInfo : {};
  const info = { name: String(name ?? 'unknown'), version: String(version ?? 'unknown'), ...more };
  return {
    capabilities,
    serverInfo: JSON.stringify(info),
    ...(typeof instructions === 'string' && { instructions }),
  };
}

function refused(line: Buffer): BerthError {
  return new BerthError('start-failed', 'the server refused initialize', {
    phase: 'handshake',
    hint: line.toString('utf8').slice(0, QUOTED),
  });
}

/** The result of `server/discover`, JSON text. Tasks of the legacy era are not those of the modern one. */
export function discoverResult(server: LegacyServer): string {
  const { tasks: _tasks, ...capabilities } = server.capabilities;
  const head = JSON.stringify({
    resultType: 'complete',
    supportedVersions: [MODERN_REVISION],
    capabilities,
    ...(server.instructions !== undefined && { instructions: server.instructions }),
    ttlMs: DISCOVER_TTL,
    cacheScope: 'private',
  });
  return `${head.slice(0, -1)},"_meta":{"io.modelcontextprotocol/serverInfo":${server.serverInfo}}}`;
}

/** What the server offers of `name` (`listChanged`, `subscribe`) in a group of its capabilities. */
export function offers({ capabilities }: LegacyServer, group: string, name?: string): boolean {
  const found = capabilities[group];
  if (!isObject(found)) return false;
  return name === undefined || found[name] === true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
