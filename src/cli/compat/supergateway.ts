/** The flags of supergateway 4.0.0. */
import { splitWords } from '../../clients/words.ts';
import { BerthError } from '../../errors.ts';
import { type CompatPlan, givenFlags, noticesOf } from './compat.ts';
import { type FlagGrammar, type ParsedFlags, parseFlags } from './flags.ts';

const GRAMMAR: FlagGrammar = {
  stopsAtWord: false,
  kinds: {
    stdio: 'text',
    sse: 'text',
    streamableHttp: 'text',
    outputTransport: 'text',
    port: 'number',
    baseUrl: 'text',
    ssePath: 'text',
    messagePath: 'text',
    streamableHttpPath: 'text',
    logLevel: 'text',
    cors: 'list',
    healthEndpoint: 'list',
    header: 'list',
    oauth2Bearer: 'text',
    stateful: 'switch',
    sessionTimeout: 'number',
    protocolVersion: 'text',
  },
};

const OUTPUTS = ['stdio', 'sse', 'ws', 'streamableHttp'];
const DEFAULT_PORT = 8_000;

/** Throws `bad-input` as supergateway would, and for what only a shell understands. */
export function planSupergateway(argv: readonly string[]): CompatPlan {
  const flags = parseFlags(argv, GRAMMAR);
  if (flags.words.length > 0)
    throw new BerthError('bad-input', `${JSON.stringify(flags.words[0])} is no flag`, {
      hint: 'Give the command in quotes: --stdio "npx -y …".',
    });
  const inputs = ['stdio', 'sse', 'streamableHttp'].filter((name) => flags.texts.has(name));
  const [input] = inputs;
  if (input === undefined || inputs.length > 1)
    throw new BerthError('bad-input', 'exactly one of --stdio, --sse and --streamableHttp is needed');
  const output = flags.texts.get('outputTransport') ?? (input === 'stdio' ? 'sse' : 'stdio');
  if (!OUTPUTS.includes(output))
    throw new BerthError('bad-input', `--outputTransport must be one of ${OUTPUTS.join(', ')}`);
  if ((input === 'stdio') === (output === 'stdio'))
    throw new BerthError('bad-input', `--${input} cannot become ${output}`, {
      hint:
        input === 'stdio' ? 'Leave --outputTransport out.' : 'Run the URL in a gateway: berth run https://….',
    });
  return input === 'stdio' ? bridgePlan(flags, output) : relayPlan(flags, input);
}

function bridgePlan(flags: ParsedFlags, output: string): CompatPlan {
  const { texts, numbers, switches, lists } = flags;
  const [file, ...args] = splitWords(texts.get('stdio') ?? '');
  if (file === undefined) throw new BerthError('bad-input', '--stdio names no command');
  const baseUrl = texts.get('baseUrl') ?? '';
  const named = lists.get('cors') ?? [];
  const origins = named.filter((origin) => URL.canParse(origin) && !origin.startsWith('/'));
  const sessionTimeout = numbers.get('sessionTimeout');
  const health = (lists.get('healthEndpoint') ?? []).map((path) => [path, 'ok'] as const);
  return {
    kind: 'bridge',
    notices: [
      ...noticesOf(givenFlags(flags), {
        header: 'responses carry no headers of their own',
        oauth2Bearer: 'responses carry no headers of their own',
        protocolVersion: 'clients say themselves which revision they speak',
        ...((named.length === 0 || origins.length < named.length) && {
          cors: 'web pages are let in by the exact origins that are named',
        }),
      }),
    ],
    request: {
      command: [file, ...args],
      host: '127.0.0.1',
      port: numbers.get('port') ?? DEFAULT_PORT,
      // Without sessions every request stands alone there, and has a process of its own.
      isolation: output === 'streamableHttp' && switches.get('stateful') !== true ? 'call' : 'session',
      spares: 0,
      paths: pathsOf(texts, output),
      ...(baseUrl !== '' && { publicUrl: baseUrl }),
      ...(origins.length > 0 && { allowedOrigins: origins }),
      ...(sessionTimeout !== undefined && { limits: { idle: sessionTimeout } }),
      ...(health.length > 0 && { healthPaths: Object.fromEntries(health) }),
    },
  };
}

/** Only what is asked for is served, where supergateway serves it. */
function pathsOf(texts: ParsedFlags['texts'], output: string) {
  const messages = texts.get('messagePath') ?? '/message';
  if (output === 'sse') return { sse: texts.get('ssePath') ?? '/sse', messages };
  if (output === 'ws') return { ws: messages };
  return { mcp: texts.get('streamableHttpPath') ?? '/mcp' };
}

function relayPlan(flags: ParsedFlags, input: string): CompatPlan {
  const { texts, lists } = flags;
  const url = texts.get(input) ?? '';
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw new BerthError('bad-input', `--${input} must be a URL`);
  const bearer = texts.get('oauth2Bearer');
  const given = (lists.get('header') ?? []).map(toHeader);
  const headers = {
    ...Object.fromEntries(given),
    ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
  };
  return {
    kind: 'relay',
    notices: noticesOf(givenFlags(flags), {
      protocolVersion: 'clients say themselves which revision they speak',
    }),
    request: {
      url,
      transport: input === 'sse' ? 'sse' : 'streamable-http',
      headers,
      secrets: Object.values(headers).map((value) => value.replace(/^\S+ /, '')),
    },
  };
}

/** `Name: value`; the value may be a secret and is not repeated. */
function toHeader(text: string): [string, string] {
  const at = text.indexOf(':');
  const name = text.slice(0, at).trim();
  if (at > 0 && /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return [name, text.slice(at + 1).trim()];
  throw new BerthError('bad-input', '--header must be "Name: value"');
}
