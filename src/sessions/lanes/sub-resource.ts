/**
 * Whether an update of the resource `uri` is one for those who subscribed to `whole`: it may name a sub-resource of that (2025-11-25,
 * `notifications/resources/updated`). Which those are the specification does not say: taken is a URI that goes on where the other one
 * ends, with a further segment or a fragment.
 */
export function isPartOf(uri: string, whole: string): boolean {
  if (!uri.startsWith(whole)) return false;
  return uri.length === whole.length || whole.endsWith('/') || '/#'.includes(uri.charAt(whole.length));
}
