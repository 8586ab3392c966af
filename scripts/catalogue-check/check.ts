/** One template through the whole of Berth: installed, started, its tools listed by a client at its URL. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type MadeUpInputs, makeUpInputs } from '../../src/templates/made-up-inputs.ts';
import type { Template } from '../../src/templates/template.ts';
import { checkedPackage, type TemplateCheck } from '../../src/templates/template-check.ts';
import type { CheckGateway } from './gateway.ts';
import { type KnownInputs, knownInputs } from './known-inputs.ts';

/** Milliseconds for resolving, installing and starting one template. */
const WHOLE_START = 10 * 60_000;
/** Milliseconds from the process to the end of its handshake. */
const HANDSHAKE = 2 * 60_000;
const MOST_PAGES = 50;
const MOST_DESCRIPTION = 200;
const FIRST_LINES = 4;
const LAST_LINES = 8;

interface ServerAnswer {
  readonly status: { readonly protocolVersion?: string; readonly eras?: TemplateCheck['eras'] };
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly phase?: string;
  readonly exitCode?: number;
  readonly stderr?: readonly string[];
}

/** Never rejects for what the template does: that is the result. */
export async function checkTemplate(template: Template, gateway: CheckGateway): Promise<TemplateCheck> {
  const scratch = join(gateway.folder, 'files', template.slug);
  await mkdir(scratch, { recursive: true });
  const inputs = withKnown(makeUpInputs(template, scratch), await knownInputs(template.slug, scratch));
  const about = {
    v: 1 as const,
    package: checkedPackage(template) ?? '',
    checkedAt: new Date().toISOString().slice(0, 10),
    platform: `${process.platform}-${process.arch}, Node ${process.versions.node}`,
    inputs: [...inputs.names],
  };
  try {
    const server = await start(template, inputs, gateway);
    const { protocolVersion, eras } = server.status;
    const tools = await listTools(gateway, template.slug);
    return {
      ...about,
      result: 'passed',
      ...(protocolVersion && { protocolVersion }),
      ...(eras && { eras }),
      tools,
    };
  } catch (thrown) {
    return { ...about, result: 'failed', tools: [], failure: toFailure(thrown, gateway) };
  } finally {
    await call(gateway, 'DELETE', `/servers/${template.slug}?force=true`).catch(() => undefined);
    await gateway.clean();
  }
}

function withKnown(inputs: MadeUpInputs, { env = {} }: KnownInputs): MadeUpInputs {
  return {
    ...inputs,
    env: { ...inputs.env, ...env },
    names: [...new Set([...inputs.names, ...Object.keys(env)])],
  };
}

async function start({ slug }: Template, inputs: MadeUpInputs, gateway: CheckGateway): Promise<ServerAnswer> {
  const secrets: Record<string, string> = {};
  for (const [name, value] of Object.entries(inputs.secrets)) {
    const file = join(gateway.folder, 'files', `${slug}.${name}`);
    await writeFile(file, value, { mode: 0o600 });
    secrets[name] = `file:${file}`;
  }
  const { args, env } = inputs;
  const body = { name: slug, template: slug, args, env, secrets, limits: { startTimeout: HANDSHAKE } };
  return (await call(gateway, 'POST', '/servers?wait=ready', body)) as ServerAnswer;
}

class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? 'refused');
    this.problem = problem;
  }
}

async function call({ url }: CheckGateway, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { 'X-Berth-Request': '1', ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    signal: AbortSignal.timeout(WHOLE_START),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Refused(JSON.parse(text) as Problem);
  return text === '' ? undefined : JSON.parse(text);
}

async function listTools({ url }: CheckGateway, slug: string): Promise<TemplateCheck['tools']> {
  const client = new Client({ name: 'berth-catalogue-check', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/servers/${slug}/mcp`)));
  try {
    if (!client.getServerCapabilities()?.tools) return [];
    const tools: TemplateCheck['tools'] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await client.listTools(cursor === undefined ? {} : { cursor });
      tools.push(...answer.tools.map(toTool));
      cursor = answer.nextCursor;
      if (cursor === undefined) break;
    }
    return tools;
  } finally {
    await client.close();
  }
}

type ListedTool = Awaited<ReturnType<Client['listTools']>>['tools'][number];

function toTool({ name, description, inputSchema }: ListedTool): TemplateCheck['tools'][number] {
  const required = new Set(inputSchema.required ?? []);
  const parameters = Object.entries(inputSchema.properties ?? {}).map(([parameter, schema]) => {
    const { type } = schema as { type?: string | string[] };
    return {
      name: parameter,
      ...(type !== undefined && { type: [type].flat().join('|') }),
      ...(required.has(parameter) && { required: true }),
    };
  });
  return { name, ...(description && { description: shorten(description) }), parameters };
}

/** The first paragraph, cut at a word. */
function shorten(text: string): string {
  const first =
    text
      .trim()
      .split(/\n\s*\n/, 1)[0]
      ?.replace(/\s+/g, ' ') ?? '';
  if (first.length <= MOST_DESCRIPTION) return first;
  return `${first.slice(0, MOST_DESCRIPTION).replace(/\s+\S*$/, '')} …`;
}

function toFailure(thrown: unknown, gateway: CheckGateway): NonNullable<TemplateCheck['failure']> {
  const { code, detail, phase, exitCode, stderr }: Problem =
    thrown instanceof Refused ? thrown.problem : { code: 'check-failed', detail: String(thrown) };
  const clean = (line: string) => withoutPlaces(line, gateway).slice(0, 500);
  return {
    code: code ?? 'internal',
    message: clean(detail ?? ''),
    ...(phase !== undefined && { phase }),
    ...(exitCode !== undefined && { exitCode }),
    ...(stderr !== undefined && { stderr: firstAndLast(stderr).map(clean) }),
  };
}

/** What went wrong stands at one of the two ends. */
function firstAndLast(lines: readonly string[]): string[] {
  if (lines.length <= FIRST_LINES + LAST_LINES) return [...lines];
  return [...lines.slice(0, FIRST_LINES), '…', ...lines.slice(-LAST_LINES)];
}

/** Paths and addresses of this machine say nothing to others. */
function withoutPlaces(text: string, { folder, url }: CheckGateway): string {
  const home = process.env.HOME;
  const places = text.replaceAll(folder, '…').replaceAll(url, 'gateway');
  const homeless = home !== undefined && home.length > 1 ? places.replaceAll(home, '~') : places;
  // Which registry a machine uses is its own affair.
  return homeless
    .replaceAll(process.cwd(), '…')
    .replace(/https?:\/\/[^/\s"')]*(?:registry|pypi|pythonhosted)[^/\s"')]*/g, 'https://…');
}
