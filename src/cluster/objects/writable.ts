/** Folders of an image that its program may write; everything else of it is read-only. */
import { BerthError } from '../../errors.ts';
import type { ImageEntry } from '../mcp-server.ts';
import type { PodSettings } from './blueprint.ts';
import type { Volume, VolumeMount } from './pod-types.ts';

/** Ours, the kernel's, and what holds those; /tmp and the home are writable anyway. */
const TAKEN =
  /^\/($|(berth|run|run\/berth|etc|etc\/berth|proc|sys|dev|home|home\/mcp|tmp)\/*$|(berth|run\/berth|etc\/berth|proc|sys|dev|home\/mcp|tmp)\/)/;

/** Whether a folder of a container is no server's to have. */
export function isTaken(path: string): boolean {
  return TAKEN.test(path);
}

/** Throws `bad-input` for a folder that is not the server's to write to. */
export function writableMounts(image: ImageEntry | undefined): VolumeMount[] {
  return pathsOf(image).map((mountPath, index) => ({ name: `writable-${index}`, mountPath }));
}

/** The volumes behind {@link writableMounts}. */
export function writableVolumes(image: ImageEntry | undefined, { scratchSize }: PodSettings): Volume[] {
  return pathsOf(image).map((_path, index) => ({
    name: `writable-${index}`,
    emptyDir: { sizeLimit: scratchSize },
  }));
}

function pathsOf(image: ImageEntry | undefined): readonly string[] {
  const paths = image?.writablePaths ?? [];
  const taken = paths.find(isTaken);
  if (taken === undefined) return paths;
  throw new BerthError('bad-input', `${taken} is not the server's to write to`, {
    fields: [{ pointer: '/source/image/writablePaths', detail: `${taken} is not the server's to write to` }],
  });
}
