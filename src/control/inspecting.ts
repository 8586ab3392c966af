/** The tool by which an agent tries a package before it runs it as a server. */
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import { parseInspection } from '../inspection/inspection-spec.ts';
import { answer, type ControlCall, type ToolAnswer } from './tools.ts';

export const inspectInput = z.strictObject({
  template: z.string().optional().describe('Name of a template of the catalogue'),
  npm: z.string().optional().describe('An npm package'),
  pypi: z.string().optional().describe('A PyPI package'),
  version: z.string().optional().describe('Another version than the newest, or than the one of the template'),
  args: z.array(z.string()).default([]).describe('Arguments of its program'),
  env: z.record(z.string(), z.string()).default({}).describe('Environment variables that are no secrets'),
  secrets: z.array(z.string()).default([]).describe('Names of secret variables: they get made-up values'),
});

/** Always in a sandbox without a network; what is not in the catalogue needs the agreement that running it needs. */
export async function inspectServer(
  input: z.output<typeof inspectInput>,
  { inspector, confirmation, caller, context }: ControlCall,
): Promise<ToolAnswer> {
  if (!inspector) throw new BerthError('not-allowed', 'packages cannot be tried here');
  const request = toRequest(input);
  const { template, version, npm, pypi } = input;
  if (template === undefined || version !== undefined) {
    const what = npm ?? pypi ?? `the template ${template}`;
    const question = `An agent wants to try ${what} (${version ?? 'its newest version'}): it is installed and started once, in a sandbox without a network. It is not in the catalogue, and nobody has checked it. Try it?`;
    const asked = await confirmation.ask({ inspect: request }, question, { caller, context });
    if (asked) return asked;
  }
  const { report, pinned } = await inspector.inspect(parseInspection(request), {
    signal: context.mcpReq.signal,
  });
  return answer({ report, ...(pinned && { pinned }) });
}

function toRequest({ template, npm, pypi, version, ...rest }: z.output<typeof inspectInput>) {
  const sources = [template, npm, pypi].filter((one) => one !== undefined);
  if (sources.length !== 1)
    throw new BerthError('bad-input', 'exactly one of template, npm and pypi is needed', {
      hint: 'Search with search_servers: each result says what can be given.',
    });
  if (template !== undefined) return { ...rest, template, ...(version !== undefined && { version }) };
  const name = npm ?? pypi;
  const source = { name, ...(version !== undefined && { version }) };
  return { ...rest, source: npm === undefined ? { pypi: source } : { npm: source } };
}
