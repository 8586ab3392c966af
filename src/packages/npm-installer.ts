/** The npm side of {@link Installer}. */

import { join } from 'node:path';
import type { Installer } from './installer.ts';
import { loadNpmSettings, type NpmSettings } from './npm-config.ts';
import { countNpmPackages, installNpm, lockNpm, npmTreeKey } from './npm-install.ts';
import { npmProgram } from './npm-program.ts';
import { chooseNpmVersion, fetchPackument } from './npm-resolve.ts';

/** Reads the user's npm configuration anew for every use, so that a changed token counts at once. */
export function createNpmInstaller(input: {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
}): Installer {
  return {
    async resolve(source, { signal }) {
      const { options } = await settings(input);
      const packument = await fetchPackument(source.name, options, signal);
      const chosen = chooseNpmVersion(packument, {
        name: source.name,
        wanted: source.version,
        nodeVersion: process.versions.node,
        before: options.before instanceof Date ? options.before : undefined,
      });
      return {
        ecosystem: 'npm',
        name: source.name,
        ...(source.bin === undefined ? {} : { bin: source.bin }),
        allowInstallScripts: source.allowInstallScripts === true,
        constraints: [],
        ...chosen,
      };
    },
    async lock(resolved, folder, { signal, say }) {
      say(`resolving the dependencies of ${resolved.name}@${resolved.version}`);
      const { env } = await settings(input);
      const lock = await lockNpm({ resolved, env, folder, signal });
      say(`${countNpmPackages(lock)} packages to install`);
      return { key: npmTreeKey(lock, resolved.allowInstallScripts), lock };
    },
    async install(resolved, folder, { signal, say }) {
      say(`installing ${resolved.name}@${resolved.version}`);
      const { env } = await settings(input);
      await installNpm({ resolved, env, folder, signal });
      say(`installed ${resolved.name}@${resolved.version}`);
    },
    program: npmProgram,
  };
}

/** The working folder is not the gateway's: a project's `.npmrc` there is nobody's configuration. */
async function settings(input: {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<NpmSettings> {
  return await loadNpmSettings(input.env, join(input.dataDir, 'npm-config'));
}
