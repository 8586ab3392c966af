/** The definition of MCPServer says the same as our types and our checks. What it refuses is tested against an API server. */
import { describe, expect, it } from 'vitest';
import type {
  ConditionType,
  McpServerLimits,
  McpServerSource,
  McpServerSpec,
  McpServerState,
  McpServerStatus,
} from '../../src/cluster/mcp-server.ts';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
import { isForbiddenEnvName } from '../../src/packages/env-names.ts';
import { readYaml } from './chart-files.ts';
import { at } from './values-doc.ts';

interface Member {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Member>>;
  readonly additionalProperties?: Member;
  readonly items?: Member;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message?: string }[];
}

const crd = readYaml('files/mcpservers.berth.dev.yaml');
const version = at(crd, 'spec.versions.0') as {
  readonly schema: { readonly openAPIV3Schema: Member };
  readonly subresources: object;
  readonly additionalPrinterColumns: readonly { readonly name: string; readonly priority?: number }[];
};
const root = version.schema.openAPIV3Schema;
const spec = root.properties?.spec ?? {};
const status = root.properties?.status ?? {};

/** The keys of a type; the compiler sees to it that none is left out. */
const keysOf = <T>(keys: Record<keyof T, true>): string[] => Object.keys(keys).sort();
const namesIn = (member: Member | undefined): string[] => Object.keys(member?.properties ?? {}).sort();

const typeOf = (member: Member): string | undefined =>
  member['x-kubernetes-int-or-string'] ? 'integer or string' : member.type;

function walk(member: Member, path: string): (readonly [string, Member])[] {
  const inner = [
    ...Object.entries(member.properties ?? {}).map(([name, one]) => [`${path}.${name}`, one] as const),
    ...(member.items ? [[`${path}[]`, member.items] as const] : []),
    ...(member.additionalProperties ? [[`${path}{}`, member.additionalProperties] as const] : []),
  ];
  return [[path, member] as const, ...inner.flatMap(([name, one]) => walk(one, name))];
}

describe('the definition of MCPServer', () => {
  it('has the names that the code uses', () => {
    expect(at(crd, 'spec.group')).toBe(MCP_SERVERS.group);
    expect(at(crd, 'spec.versions.0.name')).toBe(MCP_SERVERS.version);
    expect(at(crd, 'spec.names')).toMatchObject({
      kind: MCP_SERVERS.kind,
      plural: MCP_SERVERS.plural,
      shortNames: ['mcps'],
      categories: ['mcp'],
    });
  });

  it('is kept when a release goes', () => {
    expect(at(crd, 'metadata.annotations')).toEqual({ 'helm.sh/resource-policy': 'keep' });
  });

  it('can be scaled, and has a status of its own', () => {
    expect(version.subresources).toEqual({
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    });
  });

  it('shows the columns of the documentation', () => {
    const shown = version.additionalPrinterColumns.filter(({ priority }) => !priority);
    expect(shown.map(({ name }) => name)).toEqual(['Template', 'State', 'Ready', 'Sessions', 'Era', 'Age']);
  });
});

describe('its schema', () => {
  it('has every field of a specification, and no other', () => {
    expect(namesIn(spec)).toEqual(
      keysOf<McpServerSpec>({
        template: true,
        source: true,
        description: true,
        version: true,
        bin: true,
        args: true,
        env: true,
        secrets: true,
        configMaps: true,
        transport: true,
        port: true,
        isolation: true,
        sessions: true,
        era: true,
        replicas: true,
        suspend: true,
        resources: true,
        network: true,
        limits: true,
        health: true,
        placement: true,
        persistence: true,
        dependencies: true,
      }),
    );
    expect(namesIn(spec.properties?.source)).toEqual(
      keysOf<McpServerSource>({
        npm: true,
        pypi: true,
        image: true,
        archon: true,
        remote: true,
        script: true,
      }),
    );
    expect(namesIn(spec.properties?.limits)).toEqual(
      keysOf<McpServerLimits>({
        idle: true,
        sessions: true,
        sessionsPerPrincipal: true,
        spares: true,
        requestTimeout: true,
        startTimeout: true,
        lineBytes: true,
        subscriptions: true,
        eofGrace: true,
        termGrace: true,
        drain: true,
        sleep: true,
      }),
    );
  });

  it('has every field of a status', () => {
    const written = keysOf<McpServerStatus>({
      state: true,
      reason: true,
      message: true,
      hint: true,
      phase: true,
      ready: true,
      observedGeneration: true,
      replicas: true,
      readyReplicas: true,
      availableReplicas: true,
      updatedReplicas: true,
      selector: true,
      sessions: true,
      processes: true,
      capacity: true,
      failure: true,
      lastCheck: true,
      usage: true,
      eras: true,
      era: true,
      protocolVersion: true,
      serverInfo: true,
      tools: true,
      capabilities: true,
      package: true,
      tree: true,
      volume: true,
      dependencies: true,
      endpoints: true,
      conditions: true,
      lastActivity: true,
      createdAt: true,
      startedAt: true,
    });
    expect(namesIn(status)).toEqual(written);
  });

  it('has every state', () => {
    const states: Record<McpServerState, true> = {
      stopped: true,
      pending: true,
      starting: true,
      running: true,
      scaling: true,
      degraded: true,
      failed: true,
      unknown: true,
    };
    expect([...(status.properties?.state?.enum ?? [])].sort()).toEqual(Object.keys(states).sort());
    // Types of conditions are open, for those that come later.
    expect('Progressing' satisfies ConditionType).toBeTruthy();
  });

  it('bounds everything that a person writes', () => {
    const unbounded = walk(spec, 'spec').filter(([, member]) => {
      if (typeOf(member) !== member.type || member.type === 'string')
        return member.maxLength === undefined && !member.enum && member.format === undefined;
      if (member.type === 'array') return member.maxItems === undefined;
      return member.additionalProperties !== undefined && member.maxProperties === undefined;
    });
    expect(unbounded.map(([path]) => path)).toEqual([]);
  });

  it('is structural: every part has a type, and only the affinity is open', () => {
    const parts = walk(root, 'root');
    expect(parts.filter(([, member]) => typeOf(member) === undefined).map(([path]) => path)).toEqual([]);
    const open = parts.filter(([, member]) => member['x-kubernetes-preserve-unknown-fields']);
    expect(open.map(([path]) => path)).toEqual(['root.spec.placement.affinity']);
  });

  it('explains every field that is no mere member of a group', () => {
    const silent = walk(spec, 'spec').filter(
      ([path, { description, properties }]) => !description && !properties && !/(\[\]|\{\})$/.test(path),
    );
    expect(silent.map(([path]) => path)).toEqual([]);
  });

  it('has no field that is a command', () => {
    const named = walk(spec, 'spec').filter(([path]) => /\.(command|cmd|shell|exec)$/.test(path));
    expect(named).toEqual([]);
  });

  it('says why for every rule', () => {
    const rules = walk(root, 'root').flatMap(([, member]) => member['x-kubernetes-validations'] ?? []);
    expect(rules.length).toBeGreaterThan(15);
    expect(rules.filter(({ message }) => !message)).toEqual([]);
  });

  it('has these fields', async () => {
    const lines = walk(spec, 'spec').map(
      ([path, member]) => `${path}: ${member.enum?.join('|') ?? typeOf(member)}`,
    );
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('pins/mcp-server.txt');
  });
});

describe('names of variables', () => {
  const name = at(spec, 'properties.env.items.properties.name') as Member;
  const rules = (name['x-kubernetes-validations'] ?? []).map(({ rule }) => {
    const pattern = /!self\.matches\('\(\?i\)(.*)'\)/.exec(rule)?.[1];
    if (pattern === undefined) throw new Error(`not of the form that this test reads: ${rule}`);
    return { pattern: new RegExp(pattern, 'i'), exempt: /^self == '(\w+)'/.exec(rule)?.[1] };
  });
  const isRefused = (text: string): boolean =>
    rules.some(({ pattern, exempt }) => text !== exempt && pattern.test(text));

  it.each([
    ...['PATH', 'Path', 'HOME', 'ENV', 'NODE_OPTIONS', 'node_options', 'NODE_ENV', 'Node_Env', 'NODE_PATH'],
    ...[
      'npm_config_registry',
      'NPM_TOKEN',
      'UV_INDEX',
      'PIP_INDEX_URL',
      'PYTHONPATH',
      'PYTHON',
      'LD_PRELOAD',
    ],
    ...[
      'DYLD_INSERT_LIBRARIES',
      'GIT_SSH_COMMAND',
      'SSL_CERT_FILE',
      'OPENSSL_CONF',
      'BASH_ENV',
      'IFS',
      'PS4',
    ],
    ...['HTTPS_PROXY', 'https_proxy', 'GLOBAL_AGENT_HTTP_PROXY', 'NO_PROXY', 'SOCKS5H_PROXY', 'MY_PROXY'],
    ...['_JAVA_OPTIONS', 'JAVA_TOOL_OPTIONS', 'JAVA_OPTIONS', 'TMPDIR', 'RUBYOPT', 'PERL5LIB', 'GCONV_PATH'],
    ...['API_KEY', 'GITHUB_TOKEN', 'LOG_LEVEL', 'PATHS', 'MY_HOME', 'DATABASE_URL', 'VIRTUAL_ENV', 'PROXY'],
    ...['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SHELLOPTS', 'BASHOPTS', 'RUBYLIB', 'PERL5OPT', 'FTP_PROXY'],
  ])('%s is taken or refused as by the API', (text) => {
    expect(isRefused(text)).toBe(isForbiddenEnvName(text));
  });
});
