/** Which endpoint a URL is: one of few names, whatever clients make up. */

/** Of a URL that leads nowhere. */
export const OTHER_ENDPOINT = 'other';

const SERVERS = '/servers/';
const OF_SERVER: ReadonlyMap<string, string> = new Map(
  ['mcp', 'sse', 'messages', 'ws'].map((action) => [action, `${SERVERS}{name}/${action}`]),
);

/** From a request's URL to the pattern that it fits. `patterns`: paths of the control plane, parts in braces are anything. */
export function createEndpointNames(patterns: readonly string[]): (url: string) => string {
  const plain = new Map(patterns.filter((one) => !one.includes('{')).map((one) => [one, one]));
  const open = patterns.filter((one) => one.includes('{')).map((name) => ({ name, parts: name.split('/') }));
  return (url) => {
    const queryAt = url.indexOf('?');
    const path = queryAt < 0 ? url : url.slice(0, queryAt);
    if (path.startsWith(SERVERS)) {
      const slash = path.indexOf('/', SERVERS.length);
      return OF_SERVER.get(path.slice(slash + 1)) ?? OTHER_ENDPOINT;
    }
    return plain.get(path) ?? open.find(({ parts }) => fits(path.split('/'), parts))?.name ?? OTHER_ENDPOINT;
  };
}

function fits(given: readonly string[], parts: readonly string[]): boolean {
  return (
    given.length === parts.length && parts.every((part, at) => part.startsWith('{') || part === given[at])
  );
}
