/** Bubblewrap as a sandbox: looked for, tried, and used. */
import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import type { Launch } from '../launch.ts';
import { containedArgs, etcFiles, observerArgs } from './bubblewrap-args.ts';
import type { Place, Sandbox, SandboxSearch, Seen } from './containment.ts';
import { CONTAINED_FILE, type Contained, OBSERVER, SEEN_FILE, type SeenLine } from './observer.ts';

const PROGRAM = 'bwrap';
/** Milliseconds for a program that does nothing. */
const TRIAL_MS = 20_000;

/** Tries bubblewrap with a program that does nothing. Never rejects. */
export async function findSandbox(env: NodeJS.ProcessEnv = process.env): Promise<SandboxSearch> {
  if (process.platform !== 'linux') return { reason: 'bubblewrap is for Linux only' };
  const file = await findProgram(env.PATH);
  if (file === undefined) return { reason: 'bubblewrap (bwrap) is not installed' };
  const watched = new Bubblewrap(file, true);
  const fault = await trial(watched);
  if (fault === undefined) return { sandbox: watched };
  // Some systems allow one level of user namespaces only: contained all the same, but nobody can watch the network.
  const unwatched = new Bubblewrap(file, false);
  const second = await trial(unwatched);
  return second === undefined
    ? { sandbox: unwatched }
    : { reason: `bubblewrap does not work here: ${second}` };
}

class Bubblewrap implements Sandbox {
  readonly kind = 'bubblewrap';
  readonly #file: string;
  readonly #watches: boolean;

  constructor(file: string, watches: boolean) {
    this.#file = file;
    this.#watches = watches;
  }

  async contain(launch: Launch, place: Place): Promise<Launch> {
    const { folder, network } = place;
    await Promise.all([
      mkdir(join(folder, 'etc'), { recursive: true }),
      mkdir(place.home, { recursive: true }),
    ]);
    await mkdir(place.temporary, { recursive: true });
    for (const [name, text] of Object.entries(etcFiles()))
      await writeFile(join(folder, 'etc', name), text, { mode: 0o644 });
    const watched = this.#watches && !network;
    const args = await containedArgs(launch, place, watched || network ? 'outer' : 'none');
    const { env } = launch;
    if (!watched) return { file: this.#file, args, env, cwd: folder };
    const contained: Contained = { file: this.#file, args, env };
    await writeFile(join(folder, CONTAINED_FILE), JSON.stringify(contained), { mode: 0o600 });
    const observer = [process.execPath, '--disable-warning=ExperimentalWarning', OBSERVER, folder];
    // Nothing of the contained program's environment reaches our own.
    return { file: this.#file, args: observerArgs(observer), env: { PATH: '/usr/bin:/bin' }, cwd: folder };
  }

  async seen({ folder, network }: Place): Promise<Seen> {
    if (!this.#watches || network) return {};
    const text = await readFile(join(folder, SEEN_FILE), 'utf8').catch(() => '');
    const lines = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SeenLine);
    const startedAt = lines.flatMap((line) => ('startedAt' in line ? [line.startedAt] : [])).at(-1);
    const hosts = lines.flatMap((line) => ('host' in line ? [line.host] : []));
    // Without a start nobody has watched anything.
    return startedAt === undefined ? {} : { startedAt, hosts: [...new Set(hosts)] };
  }
}

async function findProgram(path = ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter(isAbsolute)) {
    const file = join(folder, PROGRAM);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

/** What is wrong with it; undefined when it works. */
async function trial(sandbox: Sandbox): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-sandbox-'));
  const home = join(folder, 'home');
  try {
    const nothing = { file: process.execPath, args: ['-e', '0'], env: { PATH: '/usr/bin:/bin' }, cwd: home };
    const { file, args, env, cwd } = await sandbox.contain(nothing, {
      ...{ folder, home, temporary: join(folder, 'tmp'), network: false },
      readable: [dirname(process.execPath)],
    });
    await promisify(execFile)(file, args, { env, cwd, timeout: TRIAL_MS });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function reasonOf(error: unknown): string {
  const { stderr, message } = error as { readonly stderr?: string; readonly message?: string };
  return (stderr?.trim().split('\n')[0] || message || 'it failed').slice(0, 300);
}
