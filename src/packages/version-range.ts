/** Whether a version is in a range, by the rules of where it comes from. */
import { satisfies as satisfiesPep440 } from '@renovatebot/pep440';
import semver from 'semver';

/** What npm writes and Python does not. */
const NPM_ONLY = /[\^~]\d/;

/** `ecosystem` is empty for what a server says of itself, which may be short, such as `2.1`. False for a range that is none. */
export function isInRange(
  { ecosystem, version }: { readonly ecosystem: string; readonly version: string },
  range: string,
): boolean {
  if (ecosystem === 'pypi' && !NPM_ONLY.test(range)) return satisfiesPep440(version, range);
  const known = semver.valid(version) ?? semver.coerce(version);
  return known !== null && semver.satisfies(known, range, { includePrerelease: true });
}
