/** From an npm package name and a version, range or tag to one exact version that runs on our Node. */

import fetchRegistry from 'npm-registry-fetch';
import semver from 'semver';
import { BerthError } from '../errors.ts';
import type { NpmOptions } from './npm-config.ts';
import { npmRegistryOf } from './npm-registries.ts';
import { isExactVersion } from './package-source.ts';
import { withoutCredentials } from './run-program.ts';
import { type Heard, REGISTRY_SILENCE_MS, registrySilent, whileHeard } from './silence.ts';

export interface NpmManifest {
  readonly version?: string;
  readonly engines?: { readonly node?: string } | null;
  /** Absent also where the registry does not say. */
  readonly deprecated?: string;
  readonly dist?: {
    readonly integrity?: string;
    readonly signatures?: readonly { readonly keyid?: unknown; readonly sig?: unknown }[];
  };
}

export interface Packument {
  readonly 'dist-tags'?: Readonly<Record<string, string>>;
  readonly versions?: Readonly<Record<string, NpmManifest>>;
  readonly time?: Readonly<Record<string, string>>;
}

export interface VersionWish {
  readonly name: string;
  /** Exact, range or dist-tag; absent means `latest`. */
  readonly wanted: string | undefined;
  readonly nodeVersion: string;
  /** Versions published later do not count. */
  readonly before?: Date | undefined;
}

/** Milliseconds until the beginning of an answer that npm's own client waits; silence is noticed long before. */
const DOCUMENT_MS = 300_000;

/** Fetches the packument with the user's own npm options. Rejects with `resolve-failed`. */
export async function fetchPackument(
  name: string,
  options: NpmOptions,
  {
    silence = REGISTRY_SILENCE_MS,
    signal,
  }: { readonly silence?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<Packument> {
  signal?.throwIfAborted();
  const silent = () => registrySilent('resolve', npmRegistryOf(name, options).host, silence);
  try {
    const body = await whileHeard({ silence, signal, silent }, (link) => readDocument(name, options, link));
    return JSON.parse(body.toString('utf8')) as Packument;
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof BerthError) throw cause;
    throw fetchFailure(name, cause);
  }
}

async function readDocument(name: string, options: NpmOptions, { signal, heard }: Heard): Promise<Buffer> {
  // `spec` chooses the scope's registry and its credentials.
  const wire = { ...options, spec: name, timeout: DOCUMENT_MS, signal };
  const response = await fetchRegistry(`/${name.replace('/', '%2f')}`, wire);
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? []) {
    heard();
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}

/** The version that npx on our Node would run, exactly. Throws `resolve-failed` with the reason. */
export function chooseNpmVersion(
  packument: Packument,
  wish: VersionWish,
): { version: string; integrity?: string } {
  const candidates = candidatesOf(packument, wish);
  if (candidates.length === 0) throw failure(`${wish.name} has no version ${wish.wanted ?? 'latest'}`);
  const fitting = candidates.filter((version) => runsOn(manifestOf(packument, version), wish.nodeVersion));
  const chosen = fitting.find((version) => !manifestOf(packument, version).deprecated) ?? fitting[0];
  if (chosen === undefined) throw engineFailure(packument, wish, candidates[0] ?? '');
  const integrity = manifestOf(packument, chosen).dist?.integrity;
  return { version: chosen, ...(integrity === undefined ? {} : { integrity }) };
}

/** Best first. */
function candidatesOf(packument: Packument, wish: VersionWish): string[] {
  const wanted = wish.wanted ?? 'latest';
  const known = Object.keys(packument.versions ?? {}).filter((version) => semver.valid(version) !== null);
  if (isExactVersion('npm', wanted)) {
    const exact = semver.clean(wanted);
    return known.filter((version) => version === exact);
  }
  const old = known.filter((version) => isOldEnough(packument, version, wish.before));
  const tagged = tag(packument, wanted);
  if (tagged !== undefined) {
    const lower = old.filter((version) => semver.prerelease(version) === null && semver.lte(version, tagged));
    return preferring(old.includes(tagged) ? tagged : undefined, lower);
  }
  if (semver.validRange(wanted) === null) return [];
  const satisfying = old.filter((version) => semver.satisfies(version, wanted));
  const latest = tag(packument, 'latest');
  return preferring(latest !== undefined && satisfying.includes(latest) ? latest : undefined, satisfying);
}

function preferring(first: string | undefined, others: readonly string[]): string[] {
  const sorted = semver.rsort([...others]);
  return first === undefined ? sorted : [first, ...sorted.filter((version) => version !== first)];
}

function tag(packument: Packument, name: string): string | undefined {
  const tags = packument['dist-tags'] ?? {};
  return Object.hasOwn(tags, name) ? tags[name] : undefined;
}

function manifestOf(packument: Packument, version: string): NpmManifest {
  return packument.versions?.[version] ?? {};
}

function isOldEnough(packument: Packument, version: string, before: Date | undefined): boolean {
  const published = packument.time?.[version];
  return before === undefined || published === undefined || new Date(published) <= before;
}

function runsOn(manifest: NpmManifest, nodeVersion: string): boolean {
  const range = manifest.engines?.node;
  return range === undefined || semver.validRange(range) === null || semver.satisfies(nodeVersion, range);
}

function engineFailure(packument: Packument, wish: VersionWish, version: string): BerthError {
  const needs = manifestOf(packument, version).engines?.node ?? '';
  return failure(
    `${wish.name}@${version} needs Node ${needs}, this is ${wish.nodeVersion}`,
    'Choose a version for this Node, or run Berth on another one.',
  );
}

function fetchFailure(name: string, cause: unknown): BerthError {
  const status = (cause as { statusCode?: unknown }).statusCode;
  if (status === 404) return failure(`the registry has no npm package ${name}`, undefined, cause);
  if (status === 401 || status === 403) {
    return failure(
      `the registry refused to show ${name} (${status})`,
      'Check the credentials in .npmrc.',
      cause,
    );
  }
  const text = cause instanceof Error ? withoutCredentials(cause.message) : 'no answer';
  return failure(`the npm registry cannot be asked for ${name}: ${text}`, undefined, cause);
}

function failure(message: string, hint?: string, cause?: unknown): BerthError {
  return new BerthError('resolve-failed', message, {
    phase: 'resolve',
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
