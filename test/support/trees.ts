/** Packages for tests that start real servers: all test files share one data folder, so that each tree is installed once. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstalledTree, PackageSource, Packages } from '../../src/packages/package.ts';
import { createPackages } from '../../src/packages/packages.ts';

/** The shared folder; trees in it are complete or not there, whoever writes them. */
export const TEST_TREES = join(tmpdir(), 'berth-test-trees');

export function testPackages(): Packages {
  return createPackages({ dataDir: TEST_TREES });
}

/** Resolves and installs with the real registries. */
export async function testTree(source: PackageSource): Promise<InstalledTree> {
  const packages = testPackages();
  return await packages.install(await packages.resolve(source));
}
