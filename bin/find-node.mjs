/** Finds the Node that Berth runs on. Plain JavaScript for any Node from 20 on. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const NEEDED = [24, 15];
const CHECK_TIMEOUT_MS = 30_000;
const require = createRequire(import.meta.url);

/** True for a version such as `v24.15.0` that is new enough. */
export function isNewEnough(version) {
  const match = /^v?(\d+)\.(\d+)\./.exec(version);
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

/**
 * The program to run Berth with: the pinned Node among the dependencies, else the Node that runs this.
 * @returns {{ file: string } | { problem: string }} `problem` says what to install on this platform.
 */
export function findNode({
  platform = process.platform,
  arch = process.arch,
  self = process.execPath,
  pinned,
} = {}) {
  const tried = [];
  for (const file of [pinned ?? pinnedNode(platform, arch), self]) {
    if (file === undefined) continue;
    const version = versionOf(file);
    if (version !== undefined && isNewEnough(version)) return { file };
    tried.push(version === undefined ? `${file} does not run here` : `${file} is ${version}`);
  }
  const needed = `Berth needs Node ${NEEDED.join('.')} or later`;
  return { problem: [`${needed}, and found none (${tried.join('; ')}).`, advice(platform, arch)].join('\n') };
}

/** The Node of the optional dependency for this platform, if npm installed one. */
function pinnedNode(platform, arch) {
  try {
    const folder = dirname(require.resolve(`node-${platform}-${arch}/package.json`));
    const file = join(folder, 'bin', platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

function versionOf(file) {
  const { status, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: CHECK_TIMEOUT_MS });
  return status === 0 ? stdout.trim() : undefined;
}

function advice(platform, arch) {
  if (platform === 'linux' && isMusl())
    return 'This Linux uses musl: run "apk add nodejs-current npm", then try again.';
  if (platform === 'linux' && (arch === 'x64' || arch === 'arm64')) {
    return `Run "npm ci --include=optional" (it brings the package node-linux-${arch}), or install Node 24 from https://nodejs.org, then try again.`;
  }
  if (platform === 'darwin')
    return 'Run "brew install node@24", or install Node 24 from https://nodejs.org, then try again.';
  if (platform === 'win32')
    return 'Run "winget install OpenJS.NodeJS.LTS", or use Linux in WSL 2, then try again.';
  return `There is no pinned Node for ${platform} on ${arch}: install Node 24 from your system's packages, then try again.`;
}

/** Node knows the C library that it runs on; only glibc tells its version. */
function isMusl() {
  return (
    process.platform === 'linux' && process.report?.getReport()?.header?.glibcVersionRuntime === undefined
  );
}
