/** Search of a Python index: in the kept list of its names, with what its JSON API says about those that are shown. */

import { normalisePypiName } from '../packages/package-source.ts';
import type { AskOptions, Found, Provider, ProviderAnswer, Query } from './found.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import type { NameList } from './name-list.ts';
import { optional } from './npm-document.ts';
import type { PypiMetadata } from './pypi-document.ts';
import type { PypiRegistryReader } from './pypi-registry.ts';

/** Names of which the metadata is asked for. */
const ENRICHED = 20;
const PARALLEL = 4;
/** Names that do not say MCP and may yet be servers. */
const OTHERS = 5;
/** Part of the deadline in which a first list must have come. */
const WAIT_PART = 0.6;
/** Part of the deadline for what is told beside the names. */
const DESCRIBE_PART = 0.3;

export interface PypiProviderInput {
  readonly reader: PypiRegistryReader;
  /** Undefined when no list of names is to be kept. */
  readonly names: NameList | undefined;
  readonly deadline: number;
}

export function createPypiProvider(input: PypiProviderInput): Provider {
  const { reader, names, deadline } = input;
  return {
    name: 'pypi',
    deadline,
    capabilities: () => ({ ...reader.capabilities }),
    async ask(query, options): Promise<ProviderAnswer> {
      if (query.qualifiers.size > 0)
        return { found: [], state: 'unsupported', message: 'a Python index can be searched by name only' };
      if (names === undefined) return { found: [], state: 'off', message: OFF };
      const wait = AbortSignal.any([options.signal, AbortSignal.timeout(deadline * WAIT_PART)]);
      const answer = await names.find({ ...toNameQuery(query), limit: options.limit }, wait);
      if (answer.state === 'preparing')
        return {
          found: [],
          state: 'preparing',
          message: 'the list of names is being fetched; search again in a minute',
        };
      reader.capabilities.names = true;
      const { mcp, others, exact } = answer.found;
      const typed = exact && query.exact ? [normalisePypiName(query.exact.name)] : [];
      const shown = [...new Set([...typed, ...mcp, ...others.slice(0, OTHERS)])];
      const found = await describe(shown, reader, { ...options, timeout: deadline * DESCRIBE_PART });
      return {
        found: found.filter(
          ({ mcp: { verdict }, package: named }) =>
            verdict !== 'unknown' || typed.includes(named?.name ?? ''),
        ),
        ageMs: answer.ageMs,
        ...(answer.stale !== undefined && { stale: answer.stale }),
      };
    },
  };
}

const OFF =
  'a Python index has no search, and the list of its names is not kept here (setting search.pypiNames); exact names are found';

function toNameQuery({ words, exact }: Query) {
  return {
    words: words.map((word) => word.toLowerCase()),
    ...(exact && { exact: normalisePypiName(exact.name) }),
  };
}

/** The first of them with their metadata, as far as it comes in time; what is not known stays out. */
async function describe(
  names: readonly string[],
  reader: PypiRegistryReader,
  { signal, refresh, timeout }: AskOptions & { readonly timeout: number },
): Promise<Found[]> {
  const left = names.slice(0, ENRICHED);
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  const known = new Map<string, PypiMetadata>();
  const work = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      try {
        const { value } = await reader.metadata(name, { signal: inTime, refresh, timeout });
        if (value) known.set(name, value);
      } catch {
        // A list of names is worth more than no list; the rest would fail the same way.
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return names.map((name) => pypiFound(name, known.get(name)));
}

export function pypiFound(name: string, metadata: PypiMetadata | undefined): Found {
  const { version, summary, keywords, dependencies, mcpName } = metadata ?? {};
  return {
    kind: 'package',
    reference: `pypi:${name}`,
    title: name,
    description: summary ?? '',
    package: { ecosystem: 'pypi', name, ...optional('version', version) },
    mcp: mcpVerdict({
      ecosystem: 'pypi',
      name,
      description: summary,
      keywords,
      mcpName,
      dependencies: dependencies && Object.keys(dependencies),
    }),
    ...optional('keywords', keywords),
    ...optional('maintainers', metadata?.maintainers),
  };
}
