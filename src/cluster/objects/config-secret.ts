/** The immutable Secret of one generation of a server's configuration. */
import { type KubeObject, type ObjectMeta, SECRETS, typed } from '../resources.ts';
import type { Blueprint, Owner } from './blueprint.ts';
import { linkSecretName, metaOf, secretName, shortHash } from './naming.ts';
import { type FileSettings, SCRIPT_KEY, supervisorJson } from './supervisor-json.ts';

export interface Secret extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly type: 'Opaque';
  readonly immutable?: boolean;
  /** Base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** A generation of the configuration: its name, and the Secret that holds it. */
export interface Generation {
  readonly name: string;
  readonly secret: Secret;
}

/** The same configuration always has the same name. */
export function generationOf(blueprint: Blueprint, settings: FileSettings): Generation {
  const { owner, program } = blueprint;
  const code = program.kind === 'script' && typeof program.code === 'string' ? program.code : undefined;
  const text = {
    'supervisor.json': supervisorJson(blueprint, settings),
    ...(code !== undefined && { [SCRIPT_KEY]: code }),
  };
  const name = shortHash(text);
  return { name, secret: immutableSecret(owner, secretName(owner, name), text) };
}

/** Of what only an installer Job may see. */
export function installSecret(owner: Owner, name: string, token: string): Secret {
  return immutableSecret(owner, name, { token });
}

/** The certificate of the server's supervisors; its content changes under its name, and so in running pods. */
export function linkSecret(owner: Owner, files: Readonly<Record<string, string>>): Secret {
  return opaque(owner, linkSecretName(owner), files);
}

function immutableSecret(owner: Owner, name: string, text: Readonly<Record<string, string>>): Secret {
  const { data, ...rest } = opaque(owner, name, text);
  return { ...rest, immutable: true, data };
}

function opaque(owner: Owner, name: string, text: Readonly<Record<string, string>>): Secret {
  const data = Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return typed(SECRETS, {
    metadata: metaOf(owner, name),
    type: 'Opaque' as const,
    data: Object.fromEntries(data) as Record<string, string>,
  });
}
