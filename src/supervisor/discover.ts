/** The modern era's throw-away conversation with a process: does it answer `server/discover`? */
import type { HandshakeReport } from './handshake-report.ts';
import { type HandshakeOptions, isObject, type Json, ProbeConversation } from './probe-conversation.ts';
import type { LocalProcess } from './process.ts';

const REVISION = '2026-07-28';
const PREFIX = 'io.modelcontextprotocol/';

/**
 * Asks a process that nobody has spoken to yet what it is, in the modern era's words. The caller ends the process.
 * Rejects with `start-failed`, phase `handshake`, when it exits, stays silent or answers with anything that no modern server would.
 */
export async function discover(process: LocalProcess, options: HandshakeOptions): Promise<HandshakeReport> {
  const conversation = new ProbeConversation(process, options);
  const params = modernParams(options);
  try {
    const report = await discoverOn(conversation, params);
    const tools = 'tools' in report.capabilities ? await conversation.tools(params) : undefined;
    return tools ? { ...report, tools } : report;
  } finally {
    conversation.close();
  }
}

/** The question alone, on a conversation that goes on. Rejects as {@link discover} does. */
export async function discoverOn(conversation: ProbeConversation, params: Json): Promise<HandshakeReport> {
  const { result, error } = await conversation.open('server/discover', params);
  if (!isObject(result) || !isOurRevision(result.supportedVersions))
    throw conversation.refusal(
      `the server does not speak revision ${REVISION}`,
      isObject(error) ? error : undefined,
    );
  const meta = isObject(result._meta) ? result._meta : {};
  return conversation.describe({
    protocolVersion: REVISION,
    serverInfo: meta[`${PREFIX}serverInfo`],
    capabilities: result.capabilities,
  });
}

/** What every request of the modern era has. */
export function modernParams(options: Pick<HandshakeOptions, 'clientInfo'>): Json {
  return { _meta: envelope(options) };
}

function envelope({ clientInfo }: Pick<HandshakeOptions, 'clientInfo'>): Json {
  return {
    [`${PREFIX}protocolVersion`]: REVISION,
    [`${PREFIX}clientCapabilities`]: {},
    ...(clientInfo && { [`${PREFIX}clientInfo`]: clientInfo }),
  };
}

function isOurRevision(versions: unknown): boolean {
  return Array.isArray(versions) && versions.includes(REVISION);
}
