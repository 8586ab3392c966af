/** Refuses credentials in URLs, where logs, histories and referrers would keep them. */
import { BerthError } from '../errors.ts';

const CREDENTIAL_NAMES: ReadonlySet<string> = new Set([
  'access_token',
  'api_key',
  'apikey',
  'auth',
  'authorization',
  'bearer',
  'key',
  'token',
  'x-api-key',
]);
const REMEMBERED_QUERIES = 4_096;

/** A check that throws `bad-input` for a URL whose query holds a credential; queries seen before are not read again. */
export function createQueryCheck(): (url: string | undefined) => void {
  const clean = new Set<string>();
  return (url) => {
    const start = url?.indexOf('?') ?? -1;
    if (url === undefined || start === -1) return;
    const query = url.slice(start + 1);
    if (clean.has(query)) return;
    if (holdsCredential(query)) {
      throw new BerthError('bad-input', 'credentials do not belong into a URL', {
        hint: 'Send the key as "Authorization: Bearer …", and replace this key: its URL may have been logged.',
      });
    }
    if (clean.size >= REMEMBERED_QUERIES) clean.clear();
    clean.add(query);
  };
}

function holdsCredential(query: string): boolean {
  for (const [name, value] of new URLSearchParams(query)) {
    if (CREDENTIAL_NAMES.has(name.toLowerCase()) || value.startsWith('berth_')) return true;
  }
  return false;
}
