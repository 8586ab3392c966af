/** Secrets and ConfigMaps that a server refers to: what is wrong with them, in words. */
import type { McpServer, McpServerSpec, SecretKeyRef } from '../cluster/mcp-server.ts';
import { USABLE_LABEL } from '../cluster/objects/naming.ts';
import type { Problem } from './problem.ts';
import type { SeenSecret } from './secret-check.ts';

type Kind = 'Secret' | 'ConfigMap';

/** The phrases of kubelet about volumes, and about variables of containers. Keys in volumes stand without their object. */
const OBJECT = /(secret|configmap) "([^"]+)" not found/gi;
const KEY = /references non-existent (secret|config) key: ([-._a-zA-Z0-9]+)/g;
const KEY_OF = /couldn't find key (\S+) in (Secret|ConfigMap) [^/\s]+\/(\S+)/g;

/** Every Secret that a server is to have, once. */
export function secretNamesOf(spec: McpServerSpec): string[] {
  return [...new Set(secretsOf(spec).map(({ name }) => name))];
}

/** Of Secrets that are not there, or that their owners have not released. */
export function secretsProblem({ metadata }: McpServer, lacking: readonly SeenSecret[]): Problem {
  const { name, namespace } = metadata;
  const named = (state: SeenSecret['state']): string[] =>
    lacking.filter((one) => one.state === state).map((one) => one.name);
  const [missing, withheld] = [named('missing'), named('withheld')];
  const all = [...missing, ...withheld.map((one) => `${one}, which may not be used by servers`)];
  const make =
    missing.length > 0 ? `Create Secret ${listed(missing)} in the namespace ${namespace}, and ` : '';
  const label = `kubectl -n ${namespace} label secret ${[...missing, ...withheld].join(' ')} ${USABLE_LABEL}=true`;
  return {
    reason: withheld.length > 0 ? 'SecretNotReleased' : 'ReferenceMissing',
    message: `${name} waits for ${listed(all.map((one) => `Secret ${one}`))}`,
    hint: `${make}${make === '' ? 'To' : 'to'} let servers use it: ${label}. It is found within half a minute, and the server starts by itself.`,
    phase: 'spawn',
    waits: true,
  };
}

/** Undefined where `said` is about something else. What is made later is found by kubelet, and the pod goes on. */
export function referenceProblem({ metadata, spec }: McpServer, said: string): Problem | undefined {
  const missing = missingIn(said, spec);
  if (missing.length === 0) return undefined;
  return {
    reason: 'ReferenceMissing',
    message: `${metadata.name} waits for ${listed(missing)}`,
    hint: `Create what is missing in the namespace ${metadata.namespace}${labelled(missing)}: it is found within two minutes, and the server starts by itself.`,
    phase: 'spawn',
    waits: true,
  };
}

/** Of a Secret without that label the next start would be refused. */
function labelled(missing: readonly string[]): string {
  return missing.some((one) => one.startsWith('Secret '))
    ? `, a Secret with the label ${USABLE_LABEL}=true`
    : '';
}

function missingIn(said: string, spec: McpServerSpec): string[] {
  const found = [
    ...wordsOf(said, OBJECT, ([kind = '', name]) => `${kindOf(kind)} ${name}`),
    ...wordsOf(said, KEY, ([kind = '', key = '']) => keyIn(spec, kindOf(kind), key)),
    ...wordsOf(said, KEY_OF, ([key, kind, name]) => `key ${key} of ${kind} ${name}`),
  ];
  return [...new Set(found.sort((a, b) => a.at - b.at).map(({ words }) => words))];
}

function wordsOf(
  said: string,
  phrase: RegExp,
  toWords: (groups: readonly (string | undefined)[]) => string,
): { readonly at: number; readonly words: string }[] {
  return [...said.matchAll(phrase)].map((match) => ({ at: match.index, words: toWords(match.slice(1)) }));
}

function kindOf(word: string): Kind {
  return word.toLowerCase() === 'secret' ? 'Secret' : 'ConfigMap';
}

/** Of several objects that are asked for the same key kubelet does not say which one lacks it. */
function keyIn(spec: McpServerSpec, kind: Kind, key: string): string {
  const asked = (kind === 'Secret' ? secretsOf(spec) : configMapsOf(spec)).filter((one) => one.key === key);
  const names = [...new Set(asked.map(({ name }) => name))];
  return `key ${key} of ${kind} ${names.join(' or ')}`;
}

function secretsOf({ secrets = [], source }: McpServerSpec): SecretKeyRef[] {
  return [...secrets, ...(source?.remote?.headers ?? [])].map(({ secretKeyRef }) => secretKeyRef);
}

function configMapsOf({ configMaps = [], source }: McpServerSpec): SecretKeyRef[] {
  const program = source?.script?.configMapRef;
  return [...configMaps.map(({ configMapKeyRef }) => configMapKeyRef), ...(program ? [program] : [])];
}

function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
