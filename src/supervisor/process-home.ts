/** The private home folder of one process: nobody else's, empty at its start, gone after its end. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Launch } from './launch.ts';

/** Makes a new folder under `homes`, readable by its owner only. */
export async function createHome(homes: string): Promise<string> {
  await mkdir(homes, { recursive: true, mode: 0o700 });
  return mkdtemp(join(homes, 'p-'));
}

/** Removes a home; what cannot be removed is left for {@link removeStaleHomes} of the next start. */
export async function removeHome(home: string): Promise<void> {
  await rm(home, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
}

/** Removes every home under `homes`. Only right while no process of this data folder runs: locked, after the sweep. */
export async function removeStaleHomes(homes: string): Promise<void> {
  const names = await readdir(homes).catch(() => []);
  await Promise.all(names.map((name) => removeHome(join(homes, name))));
}

/** The launch with `home` as its HOME; whatever pointed into its former HOME (caches, working folder) points into the new one. */
export function withHome(launch: Launch, home: string): Launch {
  const former = launch.env.HOME;
  const move = (value: string): string => (former ? moveInto(value, former, home) : value);
  const env = Object.fromEntries(Object.entries(launch.env).map(([name, value]) => [name, move(value)]));
  return { ...launch, env: { ...env, HOME: home }, cwd: move(launch.cwd) };
}

function moveInto(value: string, former: string, home: string): string {
  if (value === former) return home;
  return value.startsWith(former + sep) ? home + value.slice(former.length) : value;
}
