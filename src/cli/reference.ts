/** What stands after `berth run`: a template, a package of npm or PyPI, or the URL of a server elsewhere. */
import { BerthError } from '../errors.ts';

/** The part of a specification that says what to run. */
export type RunTarget =
  | { readonly template: string }
  | { readonly source: { readonly npm: { readonly name: string; readonly version?: string } } }
  | { readonly source: { readonly pypi: { readonly name: string; readonly version?: string } } }
  | { readonly source: { readonly remote: { readonly url: string } } };

/**
 * `name` is a template; `npm:name[@version]`, `@scope/name[@version]` and `pypi:name[==version]` are packages, an https or
 * wss URL is a remote server. Names, versions and URLs themselves are checked by the gateway. Throws `bad-input` for what is
 * none of them.
 */
export function parseReference(text: string): RunTarget {
  if (/^(https?|wss?):\/\//i.test(text)) return { source: { remote: { url: text } } };
  if (text.startsWith('npm:')) return { source: { npm: splitNpm(text.slice(4)) } };
  if (text.startsWith('@')) return { source: { npm: splitNpm(text) } };
  if (text.startsWith('pypi:')) return { source: { pypi: splitPypi(text.slice(5)) } };
  if (/^[a-z0-9-]+$/.test(text)) return { template: text };
  throw new BerthError('bad-input', `${JSON.stringify(text)} is neither a template, a package nor a URL`, {
    hint: 'A template is a bare name (berth templates); a package is npm:name[@version], @scope/name[@version] or pypi:name[==version]; a remote server is its https or wss URL.',
  });
}

/** How a target is shown to a person. */
export function describeTarget(target: RunTarget): string {
  if ('template' in target) return target.template;
  if ('remote' in target.source) return describeUrl(target.source.remote.url);
  return 'npm' in target.source ? `npm:${target.source.npm.name}` : `pypi:${target.source.pypi.name}`;
}

/** Host and path: the rest may be long, or not for every eye. */
function describeUrl(text: string): string {
  const url = URL.parse(text);
  return url ? `${url.host}${url.pathname}` : 'the URL';
}

function splitNpm(text: string): { name: string; version?: string } {
  // The first character may be the mark of a scope.
  const at = text.indexOf('@', 1);
  return at === -1 ? { name: text } : { name: text.slice(0, at), version: text.slice(at + 1) };
}

function splitPypi(text: string): { name: string; version?: string } {
  const exact = text.indexOf('==');
  if (exact !== -1) return { name: text.slice(0, exact), version: text.slice(exact + 2) };
  const range = text.search(/[<>~!]/);
  return range === -1 ? { name: text } : { name: text.slice(0, range), version: text.slice(range) };
}
