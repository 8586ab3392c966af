/** Whether the registries have signed what an npm tree is made of, package by package. */
import { BerthError } from '../errors.ts';
import type { NpmOptions } from './npm-config.ts';
import { fetchPackument } from './npm-resolve.ts';
import { type NpmSignatures, type SignatureState, signedVersion } from './npm-signature.ts';
import type { TreeSignatures } from './package.ts';
import type { TreeLock } from './tree-store.ts';

/** Documents fetched at one time. */
const PARALLEL = 8;

interface Locked {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

export interface TreeCheck {
  readonly signatures: NpmSignatures;
  readonly options: NpmOptions;
  /** Milliseconds that a registry may say nothing. */
  readonly silence: number;
  readonly signal: AbortSignal;
}

/** Fetches the document of each package whose registry has keys; what cannot be fetched is neither signed nor forged. */
export async function checkTreeSignatures(lock: TreeLock, check: TreeCheck): Promise<TreeSignatures> {
  const all = lockedVersions(lock);
  const waiting = [...all];
  const states: (SignatureState | { readonly forged: string })[] = [];
  const work = async (): Promise<void> => {
    for (let one = waiting.pop(); one; one = waiting.pop()) states.push(await stateOf(one, check));
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return {
    total: all.length,
    verified: states.filter((state) => state === 'verified').length,
    forged: states.flatMap((state) => (typeof state === 'object' ? [state.forged] : [])).sort(),
  };
}

async function stateOf(
  locked: Locked,
  { signatures, options, ...patience }: TreeCheck,
): Promise<SignatureState | { readonly forged: string }> {
  const { name, version } = locked;
  if (!(await signatures.hasKeys(name, options, patience))) return 'unknown';
  const packument = await fetchPackument(name, options, patience).catch(() => undefined);
  patience.signal.throwIfAborted();
  if (!packument) return 'unknown';
  try {
    // What is checked is what was installed, not what the registry says today.
    return await signatures.check(signedVersion(packument, name, locked), options, patience);
  } catch (thrown) {
    if (thrown instanceof BerthError && thrown.code === 'resolve-failed')
      return { forged: `${name}@${version}` };
    throw thrown;
  }
}

interface NpmLock {
  readonly packages?: Readonly<
    Record<string, { readonly name?: string; readonly version?: string; readonly integrity?: string }>
  >;
}

/** Each version once; links and what has no integrity are no packages of a registry. */
function lockedVersions(lock: TreeLock): Locked[] {
  const { packages = {} } = JSON.parse(lock['package-lock.json'] ?? '{}') as NpmLock;
  const found = new Map<string, Locked>();
  for (const [place, { name: alias, version, integrity }] of Object.entries(packages)) {
    const at = place.lastIndexOf('node_modules/');
    if (at < 0 || version === undefined || integrity === undefined) continue;
    const name = alias ?? place.slice(at + 'node_modules/'.length);
    found.set(`${name}@${version}`, { name, version, integrity });
  }
  return [...found.values()];
}
