/** The npm side of {@link Installer}. */

import { join } from 'node:path';
import { BerthError } from '../errors.ts';
import type { Installer } from './installer.ts';
import { loadNpmSettings, type NpmOptions, type NpmSettings } from './npm-config.ts';
import { countNpmPackages, installNpm, lockNpm, npmTreeKey } from './npm-install.ts';
import { npmProgram } from './npm-program.ts';
import { chooseNpmVersion, fetchPackument } from './npm-resolve.ts';
import { NpmSignatures, type SignedVersion, signedVersion } from './npm-signature.ts';
import { checkTreeSignatures } from './npm-tree-signatures.ts';
import type { PackageRules } from './package-rules.ts';

/** Reads the user's npm configuration anew for every use, so that a changed token counts at once. */
export function createNpmInstaller(input: {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signatures: PackageRules['npmSignatures'];
  /** Milliseconds that a registry may say nothing. */
  readonly silence: number;
}): Installer {
  const { silence } = input;
  const registry = new NpmSignatures();
  const signatureOf = async (version: SignedVersion, options: NpmOptions, signal?: AbortSignal) =>
    input.signatures === 'off' ? 'unknown' : await registry.check(version, options, { silence, signal });
  return {
    async resolve(source, { signal }) {
      const { options } = await settings(input);
      const packument = await fetchPackument(source.name, options, { silence, signal });
      const chosen = chooseNpmVersion(packument, {
        name: source.name,
        wanted: source.version,
        nodeVersion: process.versions.node,
        before: options.before instanceof Date ? options.before : undefined,
      });
      const signature = await signatureOf(signedVersion(packument, source.name, chosen), options, signal);
      if (input.signatures === 'required' && signature !== 'verified') throw unsigned(source.name, chosen);
      return {
        ecosystem: 'npm',
        name: source.name,
        signature,
        ...(source.bin === undefined ? {} : { bin: source.bin }),
        allowInstallScripts: source.allowInstallScripts === true,
        constraints: [],
        ...chosen,
      };
    },
    async lock(resolved, folder, { signal, say }) {
      say(`resolving the dependencies of ${resolved.name}@${resolved.version}`);
      const { env } = await settings(input);
      const lock = await lockNpm({ resolved, env, folder, silence, signal });
      say(`${countNpmPackages(lock)} packages to install`);
      return { key: npmTreeKey(lock, resolved.allowInstallScripts), lock };
    },
    async install(resolved, folder, { signal, say }) {
      say(`installing ${resolved.name}@${resolved.version}`);
      const { env } = await settings(input);
      await installNpm({ resolved, env, folder, silence, signal });
      say(`installed ${resolved.name}@${resolved.version}`);
    },
    program: npmProgram,
    async signatures(lock, signal) {
      if (input.signatures === 'off') return undefined;
      const { options } = await settings(input);
      return await checkTreeSignatures(lock, { signatures: registry, options, silence, signal });
    },
  };
}

function unsigned(name: string, { version }: { readonly version: string }): BerthError {
  return new BerthError('not-allowed', `npm:${name}@${version} has no signature that can be checked`, {
    phase: 'resolve',
    hint: 'Use a registry that signs. An operator can set packages.npmSignatures=offered.',
  });
}

/** The working folder is not the gateway's: a project's `.npmrc` there is nobody's configuration. */
async function settings(input: {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<NpmSettings> {
  return await loadNpmSettings(input.env, join(input.dataDir, 'npm-config'));
}
