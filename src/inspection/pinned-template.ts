/** A template of a package that came through: in the version that was tried, with what it was tried with. */
import type { ResolvedPackage } from '../packages/package.ts';
import { deriveServerName } from '../servers/server-name.ts';
import { mergeTemplates } from '../templates/merge-template.ts';
import { SERVER_JSON_SCHEMA } from '../templates/server-json.ts';
import { readDocument, type Template } from '../templates/template.ts';
import { EXTRAS_KEY, PUBLISHER_KEY } from '../templates/template-extras.ts';
import type { InspectionRequest } from './inspection-spec.ts';
import type { Json } from './report.ts';

export interface PinnedInput {
  /** Of {@link slugOf}. */
  readonly slug: string;
  readonly resolved: ResolvedPackage;
  /** Which of its programs was started, where that was said. */
  readonly bin: string | undefined;
  readonly request: InspectionRequest;
  /** The one that was tried; absent for a package. */
  readonly base: Template | undefined;
  readonly tools: readonly Json[];
  readonly description: string;
}

const MOST_SLUG = 44;
const MOST_DESCRIPTION = 100;
const MOST_TOOL_TEXT = 500;
const MOST_TOOLS = 200;

/** Name of the template that is made. Throws `bad-input` when none was given and none can be derived. */
export function slugOf(request: InspectionRequest, base: Template | undefined, packageName: string): string {
  return request.slug ?? (base ? `${base.slug.slice(0, MOST_SLUG)}-pinned` : deriveServerName(packageName));
}

export function pinTemplate(input: PinnedInput): { slug: string; server: Json } {
  const { slug, base } = input;
  const template = base ? pinBase(base, slug, input) : readDocument(ofPackage(slug, input));
  return { slug, server: template.document };
}

function pinBase(base: Template, slug: string, { resolved, tools }: PinnedInput): Template {
  const { ecosystem: registryType, name: identifier, version } = resolved;
  const overlay = {
    version,
    packages: [{ registryType, identifier, version }],
    _meta: { [PUBLISHER_KEY]: { [EXTRAS_KEY]: { tools: toolsOf(tools) } } },
  };
  return mergeTemplates(base, overlay, slug);
}

function ofPackage(slug: string, { resolved, bin, request, tools, description }: PinnedInput): Json {
  const { ecosystem, name, version } = resolved;
  const { args, env, secrets } = request;
  const variables = [
    ...Object.entries(env).map(([variable, value]) => ({ name: variable, default: value })),
    ...secrets.map((variable) => ({ name: variable, isRequired: true, isSecret: true })),
  ];
  return {
    $schema: SERVER_JSON_SCHEMA,
    name: `dev.berth.custom/${slug}`,
    title: slug,
    description: shorten(description.trim() || name, MOST_DESCRIPTION),
    version,
    packages: [
      {
        registryType: ecosystem,
        identifier: name,
        version,
        ...(args.length > 0 && { packageArguments: args.map((value) => ({ type: 'positional', value })) }),
        ...(variables.length > 0 && { environmentVariables: variables }),
        transport: { type: 'stdio' },
      },
    ],
    _meta: {
      [PUBLISHER_KEY]: {
        [EXTRAS_KEY]: {
          ...{ v: 1, slug, category: 'other', tags: [], tier: 'community', status: 'active' },
          ...(bin !== undefined && { runner: { bin } }),
          tools: toolsOf(tools),
        },
      },
    },
  };
}

function toolsOf(tools: readonly Json[]): { name: string; description?: string }[] {
  return tools.slice(0, MOST_TOOLS).flatMap(({ name, description }) => {
    if (typeof name !== 'string' || name === '' || name.length > MOST_TOOL_TEXT) return [];
    const text = typeof description === 'string' ? description.trim() : '';
    return [{ name, ...(text !== '' && { description: shorten(text, MOST_TOOL_TEXT) }) }];
  });
}

/** Cut at a word. */
function shorten(text: string, most: number): string {
  const plain = text.replace(/\s+/g, ' ');
  return plain.length <= most ? plain : `${plain.slice(0, most - 2).replace(/\s+\S*$/, '')} …`;
}
