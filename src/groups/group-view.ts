/** A group as the API tells it. */
import { prefixOf } from './exposed-names.ts';
import type { Group } from './groups.ts';

export interface GroupView {
  readonly name: string;
  readonly title?: string;
  readonly instructions?: string;
  readonly servers: readonly {
    readonly server: string;
    readonly prefix: string;
    readonly tools?: readonly string[];
    /** `missing`: there is no such server. */
    readonly state: string;
  }[];
  readonly url: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface ViewGroupInput {
  readonly publicUrl: string;
  /** State of a server; undefined when there is none. */
  readonly stateOf: (server: string) => string | undefined;
}

export function viewGroup(
  { spec, createdAt, updatedAt }: Group,
  { publicUrl, stateOf }: ViewGroupInput,
): GroupView {
  const { name, title, instructions, servers } = spec;
  return {
    name,
    ...(title !== undefined && { title }),
    ...(instructions !== undefined && { instructions }),
    servers: servers.map((member) => ({
      server: member.server,
      prefix: prefixOf(member),
      ...(member.tools && { tools: member.tools }),
      state: stateOf(member.server) ?? 'missing',
    })),
    url: `${publicUrl.replace(/\/+$/, '')}/groups/${name}/mcp`,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  };
}
