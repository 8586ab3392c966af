/** A server of a client's file as a specification of Berth: packages by their names, secrets as references. */
import type { ForeignServer } from './read-servers.ts';

export interface ImportedSpec {
  readonly name: string;
  readonly source: Readonly<Record<string, unknown>>;
  readonly bin?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface Imported {
  readonly spec?: ImportedSpec;
  /** Values that stood in the file and are secrets: by the variable or header, to be kept elsewhere. */
  readonly inline: readonly {
    readonly kind: 'env' | 'header';
    readonly name: string;
    readonly value: string;
  }[];
  /** Why it cannot be taken over; nothing of a value stands in it. */
  readonly problem?: string;
}

interface PackageCommand {
  readonly source: Readonly<Record<string, unknown>>;
  readonly bin?: string;
  readonly args: readonly string[];
}

const SECRET_NAME =
  /(key|token|secret|passw|pwd|credential|auth|dsn|cookie|private|connection_?string|database_ur[il])/i;
const SECRET_VALUE = /^(sk|pk|ghp|gho|github_pat|glpat|xox[a-z]|npm|eyJ|AKIA|AIza|berth)[-_A-Za-z0-9.]{12,}/;
/** `${NAME}`, `${env:NAME}`, `$NAME`, `{env:NAME}`: what clients fill in from their environment. */
const REFERENCE = /^(?:\$\{(?:env:)?([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)|\{env:([A-Za-z_]\w*)\})$/;
const UNRESOLVED = /\$\{input:[^}]*\}|\$\{\{[^}]*\}\}|\$\{[^}]*\}|\{env:[^}]*\}/;

/** `reference` names where an inline secret will be, by its kind and name. */
export function toSpec(
  server: ForeignServer,
  reference: (kind: 'env' | 'header', name: string) => string,
): Imported {
  if (server.problem !== undefined) return { inline: [], problem: server.problem };
  const name = toServerName(server.name);
  if (server.url !== undefined) return remoteSpec(name, server, reference);
  const found = packageOf(server.command ?? []);
  if (typeof found === 'string') return { inline: [], problem: found };
  const secretArgument = found.args.findIndex((text) => isSecretArgument(text));
  if (secretArgument >= 0)
    return {
      inline: [],
      problem: `argument ${secretArgument + 1} looks like a secret, and arguments are seen by every user of a machine: use the variable that the server has for it`,
    };
  const unresolved = found.args.find((text) => UNRESOLVED.test(text));
  if (unresolved !== undefined)
    return { inline: [], problem: 'an argument is to be filled in by the client' };
  const env = splitValues(server.env, 'env', reference);
  if (env.problem !== undefined) return { inline: [], problem: env.problem };
  return {
    inline: env.inline,
    spec: {
      name,
      source: found.source,
      ...(found.bin !== undefined && { bin: found.bin }),
      ...(found.args.length > 0 && { args: found.args }),
      ...(Object.keys(env.plain).length > 0 && { env: env.plain }),
      ...(Object.keys(env.references).length > 0 && { secrets: env.references }),
    },
  };
}

/** A DNS label made of what a client calls it. */
export function toServerName(name: string): string {
  const label = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 52)
    .replace(/-+$/, '');
  return label === '' ? 'server' : label;
}

function remoteSpec(
  name: string,
  { url = '', transport, headers }: ForeignServer,
  reference: (kind: 'env' | 'header', name: string) => string,
): Imported {
  if (UNRESOLVED.test(url)) return { inline: [], problem: 'its URL is to be filled in by the client' };
  const split = splitValues(headers, 'header', reference);
  if (split.problem !== undefined) return { inline: [], problem: split.problem };
  const remote = {
    url,
    ...(transport && { transport }),
    ...(Object.keys(split.references).length > 0 && { headers: split.references }),
  };
  return { inline: split.inline, spec: { name, source: { remote } } };
}

interface SplitValues {
  readonly plain: Readonly<Record<string, string>>;
  readonly references: Readonly<Record<string, string>>;
  readonly inline: Imported['inline'];
  readonly problem?: string;
}

/** Every header counts as a secret; a variable does by its name or by how its value looks. */
function splitValues(
  values: Readonly<Record<string, string>>,
  kind: 'env' | 'header',
  reference: (kind: 'env' | 'header', name: string) => string,
): SplitValues {
  const plain: Record<string, string> = {};
  const references: Record<string, string> = {};
  const inline: { kind: 'env' | 'header'; name: string; value: string }[] = [];
  for (const [name, whole] of Object.entries(values)) {
    const [, scheme, credential = ''] = (kind === 'header' &&
      /^([A-Za-z][A-Za-z0-9-]*) (\S+)$/.exec(whole)) || ['', '', whole];
    const lead = scheme === '' || scheme === undefined ? '' : `${scheme} `;
    const variable = REFERENCE.exec(credential)
      ?.slice(1)
      .find((one) => one !== undefined);
    if (variable !== undefined) references[name] = `${lead}env:${variable}`;
    else if (UNRESOLVED.test(whole))
      return {
        plain,
        references,
        inline,
        problem: `${name} is to be filled in by the client: give it with --secret ${name}=env:… or file:…`,
      };
    else if (kind === 'header' || SECRET_NAME.test(name) || SECRET_VALUE.test(credential)) {
      references[name] = `${lead}${reference(kind, name)}`;
      inline.push({ kind, name, value: credential });
    } else plain[name] = whole;
  }
  return { plain, references, inline };
}

function isSecretArgument(text: string): boolean {
  const [, name, value] = /^--?([A-Za-z][\w-]*)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined)
    return SECRET_VALUE.test(value) || (SECRET_NAME.test(name) && value.length > 8);
  return SECRET_VALUE.test(text) || /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]+:[^/\s@]+@/i.test(text);
}

/** The package that a command starts, or why it is none. */
export function packageOf(command: readonly string[]): PackageCommand | string {
  const [file = '', ...rest] = unwrapped(command);
  const program = (file.split(/[\\/]/).at(-1) ?? '').replace(/\.(cmd|exe|ps1)$/i, '').toLowerCase();
  if (program === 'npx' || program === 'bunx') return npmCommand(rest);
  if (program === 'npm' && (rest[0] === 'exec' || rest[0] === 'x')) return npmCommand(rest.slice(1));
  if ((program === 'pnpm' || program === 'yarn') && rest[0] === 'dlx') return npmCommand(rest.slice(1));
  if (program === 'uvx') return pypiCommand(rest);
  if (program === 'uv' && rest[0] === 'tool' && rest[1] === 'run') return pypiCommand(rest.slice(2));
  if (program === 'pipx' && rest[0] === 'run') return pypiCommand(rest.slice(1));
  if (program === 'docker' || program === 'podman')
    return 'it runs a container image, which Berth runs in a cluster only';
  if (/^(sh|bash|zsh|dash|powershell|pwsh)$/.test(program))
    return `it starts a shell (${program}), which Berth never does`;
  return `it starts the local program ${JSON.stringify(program)}: serve that with berth bridge`;
}

/** On Windows clients need `cmd /c` before npx. */
function unwrapped(command: readonly string[]): readonly string[] {
  const [file = '', flag = '', ...rest] = command;
  return /^cmd(\.exe)?$/i.test(file) && flag.toLowerCase() === '/c' ? rest : command;
}

function npmCommand(words: readonly string[]): PackageCommand | string {
  let named: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (
      word === '-y' ||
      word === '--yes' ||
      word === '--quiet' ||
      word === '-q' ||
      word === '--prefer-online'
    )
      continue;
    if (word === '--') continue;
    if (word === '-p' || word === '--package') named = words[++at];
    else if (word.startsWith('--package=')) named = word.slice('--package='.length);
    else if (word.startsWith('-'))
      return `npx has the option ${word.split('=')[0]}, which has no counterpart`;
    else {
      const source = { npm: split(named ?? word, '@') };
      const args = words.slice(at + 1);
      return named === undefined ? { source, args } : { source, bin: word, args };
    }
  }
  return 'npx names no package';
}

function pypiCommand(words: readonly string[]): PackageCommand | string {
  let from: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === '-q' || word === '--quiet' || word === '--') continue;
    if (word === '--from' || word === '--spec') from = words[++at];
    else if (word.startsWith('--from=')) from = word.slice('--from='.length);
    else if (word.startsWith('-'))
      return `uvx has the option ${word.split('=')[0]}, which has no counterpart`;
    else {
      const name = from ?? word;
      if (name.includes('[')) return `${name} asks for extras, which have no counterpart`;
      const source = { pypi: splitPython(name) };
      const args = words.slice(at + 1);
      return from === undefined ? { source, args } : { source, bin: word, args };
    }
  }
  return 'uvx names no package';
}

function split(text: string, mark: string): { name: string; version?: string } {
  const at = text.indexOf(mark, 1);
  const version = at < 0 ? '' : text.slice(at + 1);
  return {
    name: at < 0 ? text : text.slice(0, at),
    ...(version !== '' && version !== 'latest' && { version }),
  };
}

/** `name==1.0`, `name@1.0` (uvx), `name>=1`. */
function splitPython(text: string): { name: string; version?: string } {
  const exact = /^([A-Za-z0-9._-]+)(?:==|@)(.+)$/.exec(text);
  if (exact)
    return { name: exact[1] as string, ...(exact[2] !== 'latest' && { version: exact[2] as string }) };
  const at = text.search(/[<>~!]/);
  if (at > 0) return { name: text.slice(0, at), version: text.slice(at) };
  return { name: text };
}
