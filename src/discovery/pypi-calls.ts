/** What an index of PyPI is asked by XML-RPC, as nothing else of it answers that: the packages of a person, and those of a classifier. */
import { BerthError } from '../errors.ts';
import { normalisePypiName } from '../packages/package-source.ts';
import { registryFailure } from '../packages/registry-get.ts';
import type { Kept } from './answer-cache.ts';
import { saysMcp } from './mcp-verdict.ts';
import type { PypiCapabilities } from './pypi-registry.ts';
import type { AskHow, RegistryReader } from './registry-reader.ts';
import { PairReader, toXmlCall, XmlRpcFault } from './xml-rpc.ts';

/** Bytes of an answer that are read: a classifier may be on a million releases. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Names that are kept of one answer: those that say MCP, and some of the others. */
const MOST_NAMES = 2_000;
const MOST_OTHERS = 200;
/** What a text costs beside its characters. */
const STRING_BYTES = 24;
/** Characters of what an index says of a call that it refuses. */
const MOST_SAID = 200;
const NO_SUCH_METHOD = -32_601;
/** Where calls are not known, the path is one that takes no POST. */
const NO_CALLS: ReadonlySet<unknown> = new Set([405, 501]);

/** Names of packages, those that say MCP first. */
export interface Listing {
  readonly names: readonly string[];
  /** Why it is not all of them. */
  readonly cut?: 'bytes' | 'names';
}

interface Call {
  /** What the index can when it answers. */
  readonly capability: 'maintainers' | 'classifiers';
  readonly body: string;
  /** The package that a pair of the answer names. */
  readonly nameOf: (first: string, second: string) => string;
}

export interface PypiCallsInput {
  /** Where calls go. */
  readonly url: URL;
  readonly reader: RegistryReader;
  readonly capabilities: Pick<PypiCapabilities, Call['capability']>;
  /** Bytes of an answer that are read. */
  readonly mostBytes?: number;
}

export class PypiCalls {
  readonly #input: PypiCallsInput;

  constructor(input: PypiCallsInput) {
    this.#input = input;
  }

  /** Packages that a person owns or maintains, by the name of their account; undefined where an index cannot say. */
  async ofPerson(user: string, how: AskHow): Promise<Kept<Listing | undefined>> {
    const body = toXmlCall('user_packages', [user]);
    return await this.#ask({ capability: 'maintainers', body, nameOf: (_role, name) => name }, how);
  }

  /** Packages with a release that has this classifier; undefined where an index cannot say. */
  async ofClassifier(classifier: string, how: AskHow): Promise<Kept<Listing | undefined>> {
    const body = toXmlCall('browse', [[classifier]]);
    return await this.#ask({ capability: 'classifiers', body, nameOf: (name) => name }, how);
  }

  async #ask({ capability, body, nameOf }: Call, how: AskHow): Promise<Kept<Listing | undefined>> {
    const { url, reader, capabilities, mostBytes = MAX_BYTES } = this.#input;
    const names = new NameSet();
    const answer = new PairReader((first, second) => names.add(nameOf(first, second)));
    let bytes = 0;
    try {
      const kept = await reader.ask(url, {
        how,
        accept: 'text/xml',
        send: { type: 'text/xml', body },
        maxBytes: Number.POSITIVE_INFINITY,
        take: (piece) => {
          answer.write(piece);
          bytes += piece.length;
          return bytes <= mostBytes;
        },
        read: () => {
          if (bytes <= mostBytes) answer.end();
          return names.listing(bytes > mostBytes);
        },
        weigh: ({ names }) => names.reduce((sum, name) => sum + name.length + STRING_BYTES, 0),
      });
      capabilities[capability] = kept.value !== undefined;
      return kept;
    } catch (error) {
      const value = refused(error, reader.label);
      capabilities[capability] = false;
      return { value, ageMs: 0 };
    }
  }
}

/** Undefined for an index that has no such call. Throws what else went wrong. */
function refused(error: unknown, label: string): undefined {
  if (!(error instanceof BerthError)) throw error;
  if (NO_CALLS.has(error.details.data?.status)) return undefined;
  const fault = error.cause;
  if (!(fault instanceof XmlRpcFault)) throw error;
  if (fault.code === NO_SUCH_METHOD) return undefined;
  const said = fault.message.replace(/\p{Cc}+/gu, ' ').slice(0, MOST_SAID);
  const reason = said.includes('TooManyRequests') ? 'busy' : 'status';
  const hint = 'Search again later.';
  throw registryFailure(label, reason, `refused the question: ${said}`, { hint, cause: fault });
}

/** Each once, and no more than can be shown. */
class NameSet {
  readonly #mcp = new Set<string>();
  readonly #others = new Set<string>();
  #isFull = false;

  add(written: string): void {
    const name = normalisePypiName(written);
    const [names, most] = saysMcp(name) ? [this.#mcp, MOST_NAMES] : [this.#others, MOST_OTHERS];
    if (names.size < most) names.add(name);
    else if (!names.has(name)) this.#isFull = true;
  }

  listing(isCut: boolean): Listing {
    const names = [...this.#mcp, ...this.#others];
    if (isCut) return { names, cut: 'bytes' };
    return this.#isFull ? { names, cut: 'names' } : { names };
  }
}
