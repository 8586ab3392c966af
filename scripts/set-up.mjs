/** Brings a checkout into a state that runs: dependencies installed, sources built. Does nothing when that is so already. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runChild } from '../bin/run-child.mjs';

/** The checkout. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const LOCK = join(ROOT, 'package-lock.json');
const MODULES = join(ROOT, 'node_modules');
const INSTALLED = join(MODULES, '.berth-installed');
const DIST = join(ROOT, 'dist');
const BUILT = join(DIST, '.berth-built');
/** The client library comes with declarations, everything else is a program. */
const BUILDS = ['tsconfig.client.json', 'tsconfig.build.json'];
const LOCKED = join(ROOT, 'dist.lock');
const LOOK_EVERY_MS = 200;
const SILENT_LOOKS = 10;
/** Far longer than a build takes: whoever has its process id by now, as in a container that was started anew, is somebody else. */
const OLD_MS = 600_000;
const STDERR = 2;
/** Standard output belongs to the program that is started afterwards. */
const QUIET = { cwd: ROOT, stdio: ['ignore', STDERR, STDERR] };

/** Runs `npm ci` unless the dependencies are those of the lock file. */
export async function install() {
  const wanted = `${hashOf(readFileSync(LOCK))} ${process.platform} ${process.arch}`;
  if (readIf(INSTALLED) === wanted) return;
  if (!isInstalledByHand()) {
    console.error('Installing the dependencies (npm ci) …');
    const [file, ...args] = npmCommand();
    const ci = [
      'ci',
      '--include=dev',
      '--include=optional',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ];
    await must('npm ci', runChild(file, [...args, ...ci], { ...QUIET, shell: process.platform === 'win32' }));
  }
  writeFileSync(INSTALLED, wanted);
}

/** Compiles `src` into `dist` unless nothing has changed since the last time. */
export async function build(node) {
  const wanted = sourceState();
  if (readIf(BUILT) === wanted) return;
  await alone(async () => {
    if (readIf(BUILT) !== wanted) await compile(node, wanted);
  });
}

async function compile(node, wanted) {
  console.error('Building …');
  const draft = join(ROOT, `dist.${process.pid}`);
  try {
    const tsc = join(MODULES, 'typescript', 'bin', 'tsc');
    for (const project of BUILDS)
      await must('the build', runChild(node, [tsc, '-p', project, '--outDir', draft], QUIET));
    writeFileSync(join(draft, '.berth-built'), wanted);
    rmSync(DIST, { recursive: true, force: true });
    renameSync(draft, DIST);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Of several that build at one time one does, and the others wait for it: they may not take away what somebody runs from. */
export async function alone(work, lock = LOCKED) {
  for (let looks = 0; !take(lock); looks += 1) {
    if (looks === SILENT_LOOKS)
      console.error(`Waiting for another build; if there is none, remove ${lock} …`);
    await sleep(LOOK_EVERY_MS);
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** False while another process, which is still there, has it. */
function take(lock) {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const owner = Number(readIf(lock));
  // One that has just made the file has not said yet who it is.
  if ((owner > 0 && !isThere(owner)) || ageOf(lock) > OLD_MS) rmSync(lock, { force: true });
  return false;
}

/** Milliseconds; 0 of one that has just gone. */
function ageOf(path) {
  const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
  return Date.now() - mtimeMs;
}

function isThere(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** npm writes its own copy of the lock as the last thing: when that is newer, somebody has just run it. */
function isInstalledByHand() {
  const copy = join(MODULES, '.package-lock.json');
  return existsSync(copy) && statSync(copy).mtimeMs >= statSync(LOCK).mtimeMs;
}

function npmCommand() {
  const npm = process.env.npm_execpath;
  return npm?.endsWith('.js') && existsSync(npm) ? [process.execPath, npm] : ['npm'];
}

/** Changes whenever a source file is added, edited or removed. */
function sourceState() {
  const src = join(ROOT, 'src');
  const files = readdirSync(src, { recursive: true })
    .map((name) => join(src, name))
    .filter((path) => /\.(ts|json)$/.test(path));
  const projects = ['tsconfig.json', ...BUILDS].map((name) => join(ROOT, name));
  const inputs = [...files.sort(), ...projects, INSTALLED];
  return hashOf(inputs.map((path) => `${path} ${stampOf(path)}`).join('\n'));
}

function stampOf(path) {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs} ${size}`;
}

async function must(what, run) {
  const code = await run;
  if (code !== 0) throw new Error(`${what} failed with exit code ${code}; its messages stand above`);
}

function hashOf(text) {
  return createHash('sha256').update(text).digest('hex');
}

function readIf(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
