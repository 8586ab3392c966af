/** What is known of one MCP client: where its configuration is, and how it wants a server written. */

/** Folders of a person's machine. */
export interface Places {
  readonly platform: 'linux' | 'darwin' | 'win32';
  readonly home: string;
  /** Where programs keep their settings: XDG_CONFIG_HOME, `Library/Application Support` or APPDATA. */
  readonly config: string;
}

export type FileFormat = 'jsonc' | 'toml' | 'yaml';
export type Scope = 'user' | 'project';

/** A server as a client is to be told of it. */
export interface ServerTarget {
  readonly name: string;
  /** Of its Streamable HTTP endpoint. */
  readonly url: string;
  /** Set when the gateway wants a key: the environment variable that the client's person keeps it in. */
  readonly keyVariable?: string;
}

/** A program that speaks MCP on its standard streams. */
export interface ProgramTarget {
  readonly command: string;
  readonly args: readonly string[];
}

export type Entry = Readonly<Record<string, unknown>>;

/** A value to be set in the client's file. */
export interface Edit {
  readonly path: readonly string[];
  readonly value: unknown;
  /** The path is a list: this member of an item says which one is meant. */
  readonly listKey?: string;
}

export interface ClientDefinition {
  readonly id: string;
  readonly title: string;
  readonly format: FileFormat;
  /** Parts of the path of its file; the first scope is what is used unless another one is asked for. */
  readonly files: Partial<Record<Scope, (places: Places) => readonly string[]>>;
  /** Where in the file the servers stand, by their names. */
  readonly servers: readonly string[];
  /** The servers are a list of entries with a `name`. */
  readonly list?: boolean;
  /** The entry of a server at a URL; absent where the client only starts programs. */
  readonly remote?: (target: ServerTarget) => Entry;
  /** The entry of a program. */
  readonly program: (target: ProgramTarget) => Entry;
  /** It can take the key from the environment or ask for it; others get the program, which reads it from a file. */
  readonly takesReference: boolean;
  /** What else its file needs for the entry. */
  readonly extra?: (target: ServerTarget) => readonly Edit[];
  /** What a person sees once the file is written. */
  readonly after?: string;
}

/** The value of an Authorization header, with the key in the client's own way to refer to it. */
export function bearer(target: ServerTarget, reference: (variable: string) => string): { headers?: Entry } {
  const { keyVariable } = target;
  return keyVariable === undefined ? {} : { headers: { Authorization: `Bearer ${reference(keyVariable)}` } };
}
