/** What each client is told, and what an edit of its file leaves as it was. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ClientDefinition, ServerTarget } from '../../src/clients/client.ts';
import { applyToFile, clientEdits, snippet } from '../../src/clients/configure.ts';
import { editFile, entryOf, parseFile, serverEdit } from '../../src/clients/edit-file.ts';
import { CLIENTS, findClient } from '../../src/clients/table.ts';

const target: ServerTarget = { name: 'everything', url: 'http://127.0.0.1:8053/servers/everything/mcp' };
const keyed: ServerTarget = { ...target, keyVariable: 'BERTH_KEY' };
const relay = (url: string) => ({
  command: 'berth',
  args: ['stdio', url, '--key-file', '/home/ada/.berth-key'],
});

function client(id: string): ClientDefinition {
  const found = findClient(id);
  if (!found) throw new Error(`no client ${id}`);
  return found;
}

describe.each(CLIENTS)('$id', (one) => {
  const extension = one.format === 'jsonc' ? 'json' : one.format;
  const golden = (name: string) => join(import.meta.dirname, 'golden', `${one.id}${name}.${extension}`);

  it('is told of a server without a key, with one, and of a program', async () => {
    const written = (input: { target: ServerTarget; asProgram?: boolean }) =>
      snippet(
        clientEdits({ client: one, relay, targets: [input.target], asProgram: input.asProgram ?? false }),
        one,
      );
    await expect(written({ target })).toMatchFileSnapshot(golden(''));
    await expect(written({ target: keyed })).toMatchFileSnapshot(golden('-key'));
    await expect(written({ target, asProgram: true })).toMatchFileSnapshot(golden('-program'));
  });

  it('has its servers where they are looked for, and loses them again', () => {
    const text = snippet(clientEdits({ client: one, relay, targets: [target] }), one);
    expect(entryOf(parseFile(text, one), 'everything', one)).toBeDefined();
    const without = editFile(text, serverEdit('everything', undefined, one), one);
    expect(entryOf(parseFile(without, one), 'everything', one)).toBeUndefined();
  });

  it('names a file on every system', () => {
    for (const platform of ['linux', 'darwin', 'win32'] as const)
      for (const parts of Object.values(one.files))
        expect(parts({ platform, home: '/h', config: '/c' }).every((part) => part !== '')).toBe(true);
  });
});

describe('a key', () => {
  it('is never written: a client that cannot refer to one gets a program, or nothing', () => {
    const [zed] = [client('zed')];
    expect(() => clientEdits({ client: zed, targets: [keyed], relay: () => undefined })).toThrow(
      /cannot refer to a key/,
    );
    const [edit] = clientEdits({ client: zed, targets: [keyed], relay });
    expect(edit?.value).toEqual(relay(target.url));
  });
});

const JSONC = `// mine
{
\t"theme": "dark", // stays
\t"mcpServers": {
\t\t/* the first */
\t\t"old": { "command": "npx", "args": ["-y", "old"] },
\t},
}
`;

describe('an edit of JSON with comments', () => {
  it('keeps comments, order, indentation and trailing commas', () => {
    const cursor = client('cursor');
    const edited = applyToFile(JSONC, clientEdits({ client: cursor, targets: [target], relay }), {
      client: cursor,
      replace: false,
    });
    expect(edited).toBe(`// mine
{
\t"theme": "dark", // stays
\t"mcpServers": {
\t\t/* the first */
\t\t"old": { "command": "npx", "args": ["-y", "old"] },
\t\t"everything": {
\t\t\t"url": "http://127.0.0.1:8053/servers/everything/mcp"
\t\t},
\t},
}
`);
    expect(editFile(edited, serverEdit('everything', undefined, cursor), cursor)).toContain(
      '/* the first */',
    );
  });

  it('keeps line ends and the byte order mark', () => {
    const cursor = client('cursor');
    const edited = editFile('\uFEFF{\r\n  "a": 1\r\n}\r\n', serverEdit('x', { url: 'u' }, cursor), cursor);
    expect(edited).toBe(
      '\uFEFF{\r\n  "a": 1,\r\n  "mcpServers": {\r\n    "x": {\r\n      "url": "u"\r\n    }\r\n  }\r\n}\r\n',
    );
  });

  it('asks VS Code for a key once, whatever the number of servers', () => {
    const vscode = client('vscode');
    const second = { ...keyed, name: 'time', url: 'http://127.0.0.1:8053/servers/time/mcp' };
    const edits = clientEdits({ client: vscode, targets: [keyed, second], relay });
    const text = applyToFile('{"inputs":[{"id":"other"}]}', edits, { client: vscode, replace: false });
    expect(parseFile(text, vscode)).toMatchObject({
      inputs: [{ id: 'other' }, { id: 'berth-key', type: 'promptString', password: true }],
      servers: { everything: { headers: { Authorization: `Bearer \${input:berth-key}` } }, time: {} },
    });
    expect(applyToFile(text, edits, { client: vscode, replace: false })).toBe(text);
  });

  it('leaves an entry of the same name alone, unless it is to be replaced', () => {
    const cursor = client('cursor');
    const edits = clientEdits({ client: cursor, targets: [{ ...target, name: 'old' }], relay });
    expect(() => applyToFile(JSONC, edits, { client: cursor, replace: false })).toThrow(
      /has a server old already/,
    );
    const replaced = applyToFile(JSONC, edits, { client: cursor, replace: true });
    expect(parseFile(replaced, cursor)).toMatchObject({ mcpServers: { old: { url: target.url } } });
  });

  it.each(['{', '[]', '"text"', '{"a":}'])('refuses %j', (text) => {
    const cursor = client('cursor');
    expect(() =>
      applyToFile(text, [serverEdit('x', {}, cursor)], { client: cursor, replace: false }),
    ).toThrow(/no JSON|no settings/);
  });
});

const TOML = `# my settings
model = "o4" # fast
note = """
[mcp_servers.everything]
"""

[mcp_servers.everything]
command = "old" # goes
[mcp_servers.everything.env]
A = "1"

# about the next
[mcp_servers."with.dot"]
url = "u"

[profiles.x]
model = "y"
`;

describe('an edit of TOML', () => {
  const codex = client('codex');

  it('changes the tables of one server and nothing else', () => {
    const edits = clientEdits({ client: codex, targets: [keyed], relay });
    const edited = applyToFile(TOML, edits, { client: codex, replace: true });
    expect(edited).toContain('model = "o4" # fast');
    expect(edited).toContain('[mcp_servers."with.dot"]\nurl = "u"\n\n[profiles.x]\nmodel = "y"\n');
    expect(edited).not.toContain('# goes');
    expect(parseFile(edited, codex)).toEqual({
      model: 'o4',
      note: '[mcp_servers.everything]\n',
      profiles: { x: { model: 'y' } },
      mcp_servers: {
        'with.dot': { url: 'u' },
        everything: { url: keyed.url, bearer_token_env_var: 'BERTH_KEY' },
      },
    });
    const removed = editFile(edited, serverEdit('everything', undefined, codex), codex);
    expect((parseFile(removed, codex) as { mcp_servers: object }).mcp_servers).toEqual({
      'with.dot': { url: 'u' },
    });
  });

  it.each([
    'mcp_servers = { everything = { url = "u" } }\n',
    'mcp_servers.everything.url = "u"\n',
    '[mcp_servers]\neverything = { url = "u" }\n',
  ])('refuses what it could not keep: %j', (text) => {
    const edits = clientEdits({ client: codex, targets: [target], relay });
    expect(() => applyToFile(text, edits, { client: codex, replace: true })).toThrow(
      /without a loss|no TOML/,
    );
  });
});

describe('an edit of YAML', () => {
  it('keeps comments, in maps and in lists', () => {
    const goose = client('goose');
    const text =
      '# mine\nGOOSE_MODEL: x # fast\nextensions:\n  # the first\n  developer:\n    enabled: true\n';
    const edited = applyToFile(text, clientEdits({ client: goose, targets: [target], relay }), {
      client: goose,
      replace: false,
    });
    expect(edited.startsWith(text)).toBe(true);
    expect(editFile(edited, serverEdit('everything', undefined, goose), goose)).toBe(text);

    const other = client('continue');
    const list = '# mine\nmcpServers:\n  - name: old # keep\n    url: u\n';
    const added = applyToFile(list, clientEdits({ client: other, targets: [target], relay }), {
      client: other,
      replace: false,
    });
    expect(added.startsWith(list)).toBe(true);
    expect(editFile(added, serverEdit('everything', undefined, other), other)).toBe(list);
  });

  it('takes a file that is empty or has an empty key', () => {
    const goose = client('goose');
    for (const text of ['', '# nothing yet\n', 'extensions:\n']) {
      const edited = editFile(text, serverEdit('x', { uri: 'u' }, goose), goose);
      expect(parseFile(edited, goose)).toEqual({ extensions: { x: { uri: 'u' } } });
    }
    expect(() => editFile('a: [', serverEdit('x', {}, goose), goose)).toThrow(/no YAML/);
  });
});
