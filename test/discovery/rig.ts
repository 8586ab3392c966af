/** Discovery over registries of this machine, for the tests of this folder. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Discovery, type SearchRequest } from '../../src/discovery/discovery.ts';
import type { Result } from '../../src/discovery/found.ts';
import type { SearchAnswer } from '../../src/discovery/search.ts';
import { loadCatalogue } from '../../src/templates/catalogue.ts';

const TEMPLATES = fileURLToPath(new URL('../../registry-templates', import.meta.url));
/** Nobody listens there. */
export const NOBODY = 'http://127.0.0.1:1/';

export interface RigInput {
  readonly npm?: string;
  readonly npmrc?: readonly string[];
  readonly pypi?: string;
  readonly registries?: readonly string[];
  readonly pypiNames?: boolean;
  readonly downloadsUrl?: string;
  readonly deadline?: number;
  readonly now?: () => number;
  readonly home?: string;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export async function createRig(input: RigInput = {}) {
  const home = input.home ?? (await mkdtemp(join(tmpdir(), 'berth-discovery-')));
  await writeFile(
    join(home, '.npmrc'),
    [`registry=${input.npm ?? NOBODY}`, ...(input.npmrc ?? []), ''].join('\n'),
  );
  const templates = await loadCatalogue(TEMPLATES);
  const discovery = new Discovery({
    dataDir: home,
    env: {
      HOME: home,
      NPM_CONFIG_GLOBALCONFIG: join(home, 'none'),
      PIP_CONFIG_FILE: '/dev/null',
      PIP_INDEX_URL: input.pypi ?? `${NOBODY}simple/`,
    },
    templates,
    registries: input.registries ?? [],
    pypiNames: input.pypiNames ?? false,
    downloadsUrl: input.downloadsUrl,
    deadline: input.deadline ?? 20_000,
    ...(input.now && { now: input.now }),
    ...(input.wait && { wait: input.wait }),
  });
  const search = (text: string, more: Partial<SearchRequest> = {}): Promise<SearchAnswer> =>
    discovery.search({
      text,
      limit: 20,
      all: false,
      refresh: false,
      signal: new AbortController().signal,
      ...more,
    });
  const read = (
    ecosystem: 'npm' | 'pypi',
    name: string,
    more: { version?: string; refresh?: boolean } = {},
  ) => discovery.package({ ecosystem, name, refresh: false, signal: new AbortController().signal, ...more });
  return {
    home,
    templates,
    discovery,
    search,
    read,
    async close() {
      await discovery.close();
      if (input.home === undefined) await rm(home, { recursive: true, force: true });
    },
  };
}

export function references({ results }: SearchAnswer): string[] {
  return results.map(({ reference }) => reference);
}

export function resultOf(answer: SearchAnswer, reference: string): Result | undefined {
  return answer.results.find((result) => result.reference === reference);
}

export function reportOf({ providers }: SearchAnswer, name: string) {
  return providers.find((provider) => provider.name === name);
}
