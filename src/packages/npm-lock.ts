/** What has to be put right in a lock that npm wrote, before npm itself takes it. */

interface LockedPackage {
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  readonly packages?: Readonly<Record<string, LockedPackage>>;
}

/**
 * Takes optional dependencies out that npm could not find and has left out of the lock, such as builds for other platforms which a
 * mirror does not have: `npm ci` takes them for missing and refuses the whole lock. Unchanged text when there are none.
 */
export function dropAbsentOptionals(text: string): string {
  const lock = JSON.parse(text) as Lock;
  const packages = lock.packages ?? {};
  let isChanged = false;
  for (const [place, { optionalDependencies }] of Object.entries(packages)) {
    if (!optionalDependencies) continue;
    for (const name of Object.keys(optionalDependencies)) {
      if (isLocked(packages, place, name)) continue;
      delete optionalDependencies[name];
      isChanged = true;
    }
  }
  return isChanged ? `${JSON.stringify(lock, null, 2)}\n` : text;
}

/** Looks where Node would: beside the package itself, then further and further up. */
function isLocked(packages: NonNullable<Lock['packages']>, place: string, name: string): boolean {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (Object.hasOwn(packages, `${folder === '' ? '' : `${folder}/`}node_modules/${name}`)) return true;
    if (folder === '') return false;
  }
}
