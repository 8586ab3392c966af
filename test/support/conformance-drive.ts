/** What a client does in each client scenario of the suite, with any of the official SDKs' clients. */
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as StreamableV2,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

export type Flavour = 'v1' | 'v2-legacy' | 'v2-modern';

interface ToolCall {
  readonly name: string;
  readonly arguments?: Record<string, unknown>;
}

interface Tool {
  readonly name: string;
  readonly inputSchema: Record<string, unknown>;
}

/** What both versions of the SDK call alike. */
export interface Driven {
  listTools(): Promise<{ tools: Tool[] }>;
  callTool(call: ToolCall): Promise<unknown>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  readResource(params: { uri: string }): Promise<unknown>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  getPrompt(params: { name: string }): Promise<unknown>;
  close(): Promise<void>;
}

const INFO = { name: 'berth-test', version: '1.0.0' };
/** Accepted without a word, so that the SDK fills in the form's defaults; `confirmed` is what one scenario asks for. */
const ACCEPTED = { action: 'accept' as const, content: { confirmed: true } };
const capabilities = { elicitation: { form: { applyDefaults: true } } };

/** Connects to an MCP address. */
export async function connectDriven(flavour: Flavour, url: string): Promise<Driven> {
  if (flavour === 'v1') {
    const client = new Client(INFO, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, () => ({ ...ACCEPTED }));
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
    return client as unknown as Driven;
  }
  const mode = flavour === 'v2-modern' ? { pin: '2026-07-28' } : ('legacy' as const);
  const client = new ClientV2(INFO, { capabilities, versionNegotiation: { mode } });
  client.setRequestHandler('elicitation/create', () => ({ ...ACCEPTED }));
  await client.connect(new StreamableV2(new URL(url)));
  return client as unknown as Driven;
}

async function callEach(client: Driven, names: readonly string[]): Promise<void> {
  for (const name of names) await client.callTool({ name, arguments: {} });
}

/** Everything that has a header of its own. */
async function standardHeaders(client: Driven): Promise<void> {
  const { tools } = await client.listTools();
  await callEach(
    client,
    tools.map(({ name }) => name),
  );
  for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
  for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
}

/** The calls that the suite prescribes. */
async function customHeaders(client: Driven): Promise<void> {
  await client.listTools();
  const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}') as { toolCalls?: ToolCall[] };
  for (const call of context.toolCalls ?? []) await client.callTool(call);
}

/** Each tool that is left, which should be the valid ones. */
async function everyTool(client: Driven): Promise<void> {
  for (const { name, inputSchema } of (await client.listTools()).tools) {
    const fields = Object.keys((inputSchema.properties ?? {}) as object);
    await client.callTool({ name, arguments: Object.fromEntries(fields.map((field) => [field, 'x'])) });
  }
}

async function echoSchema(client: Driven): Promise<void> {
  const { tools } = await client.listTools();
  const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
  await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
}

async function inputRequired(client: Driven): Promise<void> {
  await callEach(client, ['test_mrtr_echo_state', 'test_mrtr_unrelated', 'test_mrtr_no_state']);
  // the SDK refuses a modern result that does not name its kind; the scenario wants no more than that nothing is asked again
  await callEach(client, ['test_mrtr_no_result_type']).catch(() => {});
}

const DRIVES: Readonly<Record<string, (client: Driven) => Promise<unknown>>> = {
  initialize: (client) => client.listTools(),
  tools_call: async (client) => {
    await client.listTools();
    await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } });
  },
  'elicitation-sep1034-client-defaults': (client) => callEach(client, ['test_client_elicitation_defaults']),
  'sse-retry': (client) => callEach(client, ['test_reconnection']),
  'request-metadata': (client) => client.listTools(),
  'sep-2322-client-request-state': inputRequired,
  'http-standard-headers': standardHeaders,
  'http-custom-headers': customHeaders,
  'http-invalid-tool-headers': everyTool,
  'json-schema-ref-no-deref': (client) => client.listTools(),
  'json-schema-2020-12-preservation': echoSchema,
};

/** Plays a scenario's client from its connection to its end. */
export async function drive(scenario: string, flavour: Flavour, url: string): Promise<void> {
  const play = DRIVES[scenario];
  if (!play) throw new Error(`no drive for ${scenario}`);
  const client = await connectDriven(flavour, url);
  try {
    await play(client);
  } finally {
    await client.close();
  }
}
