/** The program of an installer Job: installs one package at its final path, and puts the tree into berth-trees. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BerthError } from '../errors.ts';
import { installAt } from '../packages/install-at.ts';
import type { PackageSource } from '../packages/package.ts';
import type { PackageRules } from '../packages/package-rules.ts';
import { packTree } from './pack.ts';
import { failureReport, successReport } from './report.ts';
import { putArchive } from './trees-client.ts';

export interface InstallJob {
  readonly source: PackageSource;
  /** Empty: the tree's place in every pod. */
  readonly folder: string;
  readonly work: string;
  readonly home: string;
  readonly treesUrl: string;
  readonly tokenFile: string;
  readonly env: NodeJS.ProcessEnv;
  /** Which packages may be had; all of them unless given. */
  readonly rules?: PackageRules;
  /** Milliseconds that a registry may say nothing. */
  readonly silence?: number;
  /** Whose signatures are on what was installed is told, too. */
  readonly signatures?: boolean;
  readonly say: (text: string) => void;
}

/** Returns the termination message of a Job that came through. Rejects with BerthError. */
export async function runInstall(job: InstallJob): Promise<string> {
  const { source, folder, work, home, env, rules, silence, signatures, say } = job;
  const installed = await installAt(source, {
    ...{ folder, work, home, env, say },
    ...(rules && { rules }),
    ...(silence !== undefined && { silence }),
    ...(signatures && { signatures }),
  });
  const { ecosystem, name, version } = installed.resolved;
  const report = { ...installed.launch, package: { ecosystem, name, version } };
  await writeFile(join(folder, 'launch.json'), `${JSON.stringify(report, null, 2)}\n`);
  const file = join(work, 'tree.tar.gz');
  await mkdir(work, { recursive: true });
  await rm(file, { force: true });
  say('packing');
  const archive = await packTree(folder, file);
  say(`putting ${archive.bytes} bytes into berth-trees`);
  const token = (await readFile(job.tokenFile, 'utf8')).trim();
  await putArchive({ ...archive, url: job.treesUrl, token, file });
  return successReport(archive.digest, installed);
}

function jobOfEnv(env: NodeJS.ProcessEnv): InstallJob {
  return {
    source: JSON.parse(need(env, 'BERTH_INSTALL_SOURCE')) as PackageSource,
    folder: need(env, 'BERTH_INSTALL_FOLDER'),
    work: need(env, 'BERTH_INSTALL_WORK'),
    home: need(env, 'BERTH_INSTALL_HOME'),
    treesUrl: need(env, 'BERTH_TREES_URL'),
    tokenFile: need(env, 'BERTH_TREES_TOKEN_FILE'),
    env,
    ...(env.BERTH_INSTALL_RULES && { rules: JSON.parse(env.BERTH_INSTALL_RULES) as PackageRules }),
    ...(env.BERTH_INSTALL_SILENCE && { silence: Number(env.BERTH_INSTALL_SILENCE) }),
    signatures: env.BERTH_INSTALL_SIGNATURES === 'true',
    say: (text) => process.stderr.write(`${text}\n`),
  };
}

function need(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value) return value;
  throw new BerthError('bad-setting', `${name} is not set`);
}

async function main(): Promise<void> {
  const message = process.env.BERTH_TERMINATION_MESSAGE ?? '/dev/termination-log';
  try {
    await writeFile(message, await runInstall(jobOfEnv(process.env)));
  } catch (thrown) {
    const text = failureReport(thrown);
    process.stderr.write(`${text}\n`);
    await writeFile(message, text);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) void main();
