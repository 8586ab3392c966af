/** The legacy era's throw-away conversation with a process: does it answer `initialize`, and what does it offer? */
import type { HandshakeReport } from './handshake-report.ts';
import { type HandshakeOptions, isObject, ProbeConversation } from './probe-conversation.ts';
import type { LocalProcess } from './process.ts';

const REVISION = '2025-11-25';
const CLIENT = { name: 'berth', version: '0' };

/**
 * Initializes a process that nobody has spoken to yet and lists its tools. The caller ends the process.
 * Rejects with `start-failed`, phase `handshake`, when it exits, refuses or stays silent; with the signal's reason when aborted.
 */
export async function handshake(process: LocalProcess, options: HandshakeOptions): Promise<HandshakeReport> {
  const conversation = new ProbeConversation(process, options);
  try {
    const report = await initialize(conversation, options);
    const tools = 'tools' in report.capabilities ? await conversation.tools({}) : undefined;
    return tools ? { ...report, tools } : report;
  } finally {
    conversation.close();
  }
}

/** The handshake alone, on a conversation that goes on. Rejects as {@link handshake} does. */
export async function initialize(
  conversation: ProbeConversation,
  { clientInfo = CLIENT }: Pick<HandshakeOptions, 'clientInfo'>,
): Promise<HandshakeReport> {
  const { error, result } = await conversation.open('initialize', {
    protocolVersion: REVISION,
    capabilities: { roots: {} },
    clientInfo,
  });
  if (isObject(error)) throw conversation.refusal('the server refused initialize', error);
  const { protocolVersion, serverInfo, capabilities } = isObject(result) ? result : {};
  if (typeof protocolVersion !== 'string')
    throw conversation.refusal('the answer to initialize names no protocolVersion');
  const report = conversation.describe({ protocolVersion, serverInfo, capabilities });
  conversation.notify('notifications/initialized');
  return report;
}
