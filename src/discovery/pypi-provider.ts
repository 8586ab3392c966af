/** Search of a Python index: in the kept list of its names, with what its JSON API says about those that are shown. */

import { BerthError } from '../errors.ts';
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
/** Part of the deadline for a question about persons or classifiers. */
const CALL_PART = 0.6;
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
      if (query.qualifiers.size > 0) return await askByQualifiers(query, reader, { ...options, deadline });
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

/** By maintainer and by classifier, where the index answers that. Both together are what stands in both. */
async function askByQualifiers(
  { qualifiers, words }: Query,
  reader: PypiRegistryReader,
  options: AskOptions & { readonly deadline: number },
): Promise<ProviderAnswer> {
  const how = { ...options, timeout: options.deadline * CALL_PART };
  const [maintainer, classifier] = [qualifiers.get('maintainer'), qualifiers.get('classifier')];
  const asked = [
    ...(maintainer === undefined ? [] : [reader.calls.ofPerson(maintainer, how)]),
    ...(classifier === undefined ? [] : [reader.calls.ofClassifier(classifier, how)]),
  ];
  if (asked.length < qualifiers.size)
    return {
      found: [],
      state: 'unsupported',
      message: 'a Python index knows maintainer: and classifier: only',
    };
  const answers = await Promise.all(asked);
  const listings = answers.flatMap(({ value }) => value ?? []);
  if (listings.length < answers.length)
    return { found: [], state: 'unsupported', message: 'this Python index says nothing of that' };
  const names = listings
    .map(({ names }) => names)
    .reduce((all, some) => all.filter((name) => some.includes(name)))
    .filter((name) => words.every((word) => name.includes(word)));
  const stale = answers.find((answer) => answer.stale !== undefined)?.stale;
  return {
    found: await describe(names.slice(0, options.limit), reader, {
      ...options,
      timeout: options.deadline * DESCRIBE_PART,
    }),
    ageMs: Math.max(...answers.map(({ ageMs }) => ageMs)),
    ...(stale !== undefined && { stale }),
    ...(listings.some(({ cut }) => cut !== undefined) && { partial: tooMany(reader.label) }),
  };
}

function tooMany(label: string): BerthError {
  return new BerthError('registry-failed', `${label} has more packages of that kind than are read`, {
    hint: 'Add another qualifier, or search by name.',
  });
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
