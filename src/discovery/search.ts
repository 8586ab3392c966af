/** Asks all providers side by side; none waits for another, and none can spoil another's results. */
import { BerthError, toBerthError } from '../errors.ts';
import { normalisePypiName } from '../packages/package-source.ts';
import type { AskOptions, Provider, ProviderAnswer, ProviderReport, Query, Result } from './found.ts';
import type { KnownPackages } from './known-packages.ts';
import { mergeFindings } from './merge.ts';

export interface SearchAnswer {
  readonly query: string;
  readonly results: readonly Result[];
  readonly providers: readonly ProviderReport[];
  readonly tookMs: number;
}

export interface SearchInput {
  readonly query: Query;
  readonly providers: readonly Provider[];
  readonly known: KnownPackages;
  /** Also packages that nothing shows to be MCP servers. */
  readonly all: boolean;
  readonly options: AskOptions;
}

/** Rejects only with the reason of the signal. */
export async function searchAll(input: SearchInput): Promise<SearchAnswer> {
  const { query, providers, known, options } = input;
  const started = performance.now();
  const asked = await Promise.all(providers.map((provider) => askOne(provider, query, options)));
  options.signal.throwIfAborted();
  const findings = asked.map(({ answer, report }) => ({ provider: report.name, found: answer?.found ?? [] }));
  const merged = mergeFindings(query, findings, known);
  return {
    query: query.text,
    results: input.all
      ? merged
      : merged.filter((one) => one.mcp.verdict !== 'unknown' || isTyped(one, query)),
    providers: asked.map(({ report }) => report),
    tookMs: Math.round(performance.now() - started),
  };
}

interface Asked {
  readonly answer?: ProviderAnswer;
  readonly report: ProviderReport;
}

async function askOne(provider: Provider, query: Query, options: AskOptions): Promise<Asked> {
  const started = performance.now();
  const took = () => Math.round(performance.now() - started);
  const about = () => ({ name: provider.name, capabilities: provider.capabilities() });
  try {
    const answer = await withDeadline(provider, query, options);
    const { found, state = 'ok', message, ageMs, stale, partial } = answer;
    const failure = stale ?? partial;
    return {
      answer,
      report: {
        ...about(),
        state: stale === undefined ? state : 'stale',
        count: found.length,
        tookMs: took(),
        ...(ageMs !== undefined && state === 'ok' && { ageSeconds: Math.round(ageMs / 1_000) }),
        ...(message !== undefined && { message }),
        ...(failure !== undefined && { failure: toFailure(failure) }),
      },
    };
  } catch (thrown) {
    return {
      report: {
        ...about(),
        state: 'failed',
        count: 0,
        tookMs: took(),
        failure: toFailure(toBerthError(thrown)),
      },
    };
  }
}

async function withDeadline(provider: Provider, query: Query, options: AskOptions): Promise<ProviderAnswer> {
  const limit = AbortSignal.timeout(provider.deadline);
  const signal = AbortSignal.any([options.signal, limit]);
  const late = Promise.withResolvers<never>();
  const abort = () =>
    late.reject(
      options.signal.aborted
        ? options.signal.reason
        : new BerthError(
            'registry-failed',
            `${provider.name} did not answer within ${provider.deadline} ms`,
            {
              data: { reason: 'slow' },
            },
          ),
    );
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([provider.ask(query, { ...options, signal }), late.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function toFailure(error: BerthError): NonNullable<ProviderReport['failure']> {
  const { reason, retryAfterSeconds } = error.details.data ?? {};
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    ...(reason !== undefined && { reason }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}

function isTyped(one: Result, { exact }: Query): boolean {
  return exact !== undefined && normalisePypiName(one.package?.name ?? '') === normalisePypiName(exact.name);
}
