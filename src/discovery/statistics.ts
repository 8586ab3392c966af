/** How much was searched, and what came of it. Bounded: providers come from the settings, names are the newest thousand. */
import { LRUCache } from 'lru-cache';
import type { Ecosystem } from '../packages/package.ts';
import type { SearchAnswer } from './search.ts';

const POPULAR = 5;

export interface ProviderStatistics {
  readonly name: string;
  readonly searches: number;
  readonly failures: number;
  readonly found: number;
  readonly totalMs: number;
  readonly meanMs: number;
}

export interface SearchStatistics {
  readonly searches: number;
  readonly providers: readonly ProviderStatistics[];
  /** Of what was found so far, by downloads of the last month. */
  readonly popular: Readonly<
    Record<Ecosystem, readonly { readonly name: string; readonly downloads: number }[]>
  >;
}

export class SearchCounter {
  #searches = 0;
  readonly #providers = new Map<string, { searches: number; failures: number; found: number; ms: number }>();
  readonly #downloads: Record<Ecosystem, LRUCache<string, number>> = {
    npm: new LRUCache({ max: 1_000 }),
    pypi: new LRUCache({ max: 1_000 }),
  };

  note({ providers, results }: SearchAnswer): void {
    this.#searches++;
    for (const { name, failure, count, tookMs } of providers) {
      const sum = this.#providers.get(name) ?? { searches: 0, failures: 0, found: 0, ms: 0 };
      sum.searches++;
      sum.found += count;
      sum.ms += tookMs;
      if (failure !== undefined) sum.failures++;
      this.#providers.set(name, sum);
    }
    for (const { package: found, downloads } of results)
      if (found && downloads !== undefined) this.#downloads[found.ecosystem].set(found.name, downloads);
  }

  read(): SearchStatistics {
    return {
      searches: this.#searches,
      providers: [...this.#providers].map(([name, { searches, failures, found, ms }]) => ({
        name,
        searches,
        failures,
        found,
        totalMs: ms,
        meanMs: Math.round(ms / searches),
      })),
      popular: { npm: this.#popular('npm'), pypi: this.#popular('pypi') },
    };
  }

  #popular(ecosystem: Ecosystem): { name: string; downloads: number }[] {
    return [...this.#downloads[ecosystem].entries()]
      .map(([name, downloads]) => ({ name, downloads }))
      .sort((a, b) => b.downloads - a.downloads)
      .slice(0, POPULAR);
  }
}
