/** Between an MCPServer and the server specification of the API: the same facts, with lists keyed by name here and records there. */
import { BerthError } from '../errors.ts';
import type { Labels } from '../servers/labels.ts';
import type { HeaderReference, SecretReference } from '../servers/secret-reference.ts';
import { parseServerSpec, type ServerSpec } from '../servers/server-spec.ts';
import type {
  ConfigMapEntry,
  EnvEntry,
  McpServerSource,
  McpServerSpec,
  RemoteEntry,
  SecretEntry,
} from './mcp-server.ts';

/** The specification that the API shows. Throws `bad-input` for what the API would not take either. */
export function toServerSpec(name: string, spec: McpServerSpec, labels: Labels = {}): ServerSpec {
  const { env = [], secrets = [], configMaps = [], source, ...same } = spec;
  return parseServerSpec({
    ...same,
    name,
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(source && { source: sourceToApi(source) }),
    env: Object.fromEntries(env.map((one) => [one.name, one.value])),
    secrets: secretsToApi(secrets),
    ...(configMaps.length > 0 && {
      configMaps: Object.fromEntries(configMaps.map((one) => [one.name, one.configMapKeyRef])),
    }),
  });
}

/** What is applied to the cluster; labels belong to the object's metadata. Throws `bad-input` for secrets that are not in the cluster. */
export function fromServerSpec(spec: ServerSpec): McpServerSpec {
  const { name: _name, labels: _labels, env, secrets, configMaps = {}, source, args, limits, ...same } = spec;
  const given = {
    ...same,
    ...(source && { source: sourceFromApi(source) }),
    ...(args.length > 0 && { args }),
    ...(Object.keys(env).length > 0 && { env: envEntries(env) }),
    ...(Object.keys(secrets).length > 0 && { secrets: secretEntries(secrets) }),
    ...(Object.keys(configMaps).length > 0 && { configMaps: configMapEntries(configMaps) }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
  // Members that are not there must not be applied: a manager owns what it applies, `undefined` included.
  return JSON.parse(JSON.stringify(given)) as McpServerSpec;
}

function envEntries(env: Readonly<Record<string, string>>): EnvEntry[] {
  return Object.entries(env).map(([name, value]) => ({ name, value }));
}

function secretEntries(secrets: Readonly<Record<string, SecretReference>>): SecretEntry[] {
  return Object.entries(secrets).map(([name, reference]) => toEntry(`/secrets/${name}`, name, reference));
}

function configMapEntries(configMaps: NonNullable<ServerSpec['configMaps']>): ConfigMapEntry[] {
  return Object.entries(configMaps).map(([name, configMapKeyRef]) => ({ name, configMapKeyRef }));
}

function toEntry(pointer: string, name: string, reference: SecretReference): SecretEntry {
  if ('fromSecret' in reference) return { name, secretKeyRef: reference.fromSecret };
  throw new BerthError('bad-input', `${pointer.slice(1)}: the value must be in a Secret of the cluster`, {
    fields: [{ pointer, detail: 'must be secret:NAME/KEY or {"fromSecret": {"name": …, "key": …}}' }],
    hint: 'Put the value into a Secret beside the server, labelled berth.dev/usable=true, and refer to that: secret:NAME/KEY.',
  });
}

function secretsToApi(secrets: readonly SecretEntry[]): Record<string, SecretReference> {
  return Object.fromEntries(secrets.map(({ name, secretKeyRef }) => [name, { fromSecret: secretKeyRef }]));
}

function sourceToApi({ remote, ...same }: McpServerSource): object {
  return remote ? { ...same, remote: { ...remote, headers: headersToApi(remote) } } : same;
}

function headersToApi({ headers = [] }: RemoteEntry): Record<string, HeaderReference> {
  return Object.fromEntries(
    headers.map(({ name, secretKeyRef, scheme }) => [
      name,
      { fromSecret: secretKeyRef, ...(scheme !== undefined && { scheme }) },
    ]),
  );
}

function sourceFromApi({ remote, ...same }: NonNullable<ServerSpec['source']>): object {
  if (!remote) return same;
  const headers = Object.entries(remote.headers).map(([name, { scheme, ...reference }]) => ({
    ...toEntry(`/source/remote/headers/${name}`, name, reference as SecretReference),
    ...(scheme !== undefined && { scheme }),
  }));
  return { ...same, remote: { ...remote, ...(headers.length > 0 ? { headers } : { headers: undefined }) } };
}
