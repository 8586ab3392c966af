/** The flags of npm's mcp-proxy 6.7.19. */
import { BerthError } from '../../errors.ts';
import { type CompatPlan, givenFlags, noticesOf, refuseFlags } from './compat.ts';
import { type FlagGrammar, type ParsedFlags, parseFlags } from './flags.ts';

const GRAMMAR: FlagGrammar = {
  stopsAtWord: true,
  kinds: {
    server: 'text',
    endpoint: 'text',
    sseEndpoint: 'text',
    streamEndpoint: 'text',
    stateless: 'switch',
    modern: 'switch',
    upstreamProtocol: 'text',
    host: 'text',
    port: 'number',
    connectionTimeout: 'number',
    requestTimeout: 'number',
    keepAliveTimeout: 'number',
    sessionIdleTimeout: 'number',
    eventStore: 'switch',
    eventStoreMaxEvents: 'number',
    maxBodySize: 'number',
    debug: 'switch',
    shell: 'switch',
    apiKey: 'text',
    sslCa: 'text',
    sslCert: 'text',
    sslKey: 'text',
    tunnel: 'switch',
    tunnelSubdomain: 'text',
    corsAddAllowedHeader: 'list',
  },
};

const REFUSED = {
  shell: 'No shell is ever started: name the program and its arguments.',
  apiKey:
    'A key on a command line is seen by everybody: make one with berth key add, or give its hash in the keys setting.',
  sslCa: 'Put a proxy with TLS before it.',
  sslCert: 'Put a proxy with TLS before it.',
  sslKey: 'Put a proxy with TLS before it.',
  tunnel: 'Use a tunnel of your choice, with a key.',
  tunnelSubdomain: 'Use a tunnel of your choice, with a key.',
};

const WITHOUT_EFFECT = {
  modern: 'clients of both eras are always served',
  keepAliveTimeout: 'connections are kept as the gateway does',
  eventStore: 'streams can always be resumed, within a bound',
  eventStoreMaxEvents: 'the bound of a stream is in bytes',
  debug: 'failures are answered with their reason',
  corsAddAllowedHeader: 'the headers of MCP are allowed to the origins of the settings',
};

const DEFAULT_PORT = 8_080;
const FOREVER = 7 * 24 * 3_600_000;
const MOST_BODY = 1024 * 1024 * 1024;

/** Throws `bad-input` for what there is nothing for, by name. */
export function planMcpProxy(argv: readonly string[]): CompatPlan {
  const flags = parseFlags(argv, GRAMMAR);
  const given = givenFlags(flags);
  refuseFlags(given, REFUSED);
  const [file, ...args] = flags.words;
  if (file === undefined)
    throw new BerthError('bad-input', 'a command is needed', { hint: 'Give it after --.' });
  const era = eraOf(flags.texts.get('upstreamProtocol') ?? 'legacy');
  return {
    kind: 'bridge',
    notices: noticesOf(given, WITHOUT_EFFECT),
    request: {
      command: [file, ...args],
      host: flags.texts.get('host') ?? '127.0.0.1',
      port: flags.numbers.get('port') ?? DEFAULT_PORT,
      isolation: flags.switches.get('stateless') === true ? 'call' : 'session',
      spares: 0,
      ...(era && { era }),
      paths: pathsOf(flags),
      limits: limitsOf(flags.numbers),
      healthPaths: { '/ping': 'pong' },
    },
  };
}

function eraOf(text: string): 'legacy' | 'modern' | undefined {
  if (text === 'auto') return undefined;
  if (text === 'legacy' || text === 'modern') return text;
  throw new BerthError('bad-input', '--upstreamProtocol must be legacy, auto or modern');
}

function pathsOf({ texts }: ParsedFlags) {
  const server = texts.get('server');
  if (server !== undefined && server !== 'sse' && server !== 'stream')
    throw new BerthError('bad-input', '--server must be sse or stream');
  const sse = texts.get('sseEndpoint') ?? (server === 'sse' ? texts.get('endpoint') : undefined) ?? '/sse';
  const mcp =
    texts.get('streamEndpoint') ?? (server === 'stream' ? texts.get('endpoint') : undefined) ?? '/mcp';
  return {
    ...(server !== 'sse' && { mcp }),
    ...(server !== 'stream' && { sse, messages: '/messages' }),
  };
}

function limitsOf(numbers: ParsedFlags['numbers']) {
  const [connection, request, idle, body] = [
    numbers.get('connectionTimeout'),
    numbers.get('requestTimeout'),
    numbers.get('sessionIdleTimeout'),
    numbers.get('maxBodySize'),
  ];
  return {
    ...(connection !== undefined && { startTimeout: connection }),
    ...(request !== undefined && { requestTimeout: request }),
    ...(idle !== undefined && { idle: idle === 0 ? FOREVER : idle }),
    ...(body !== undefined && { messageBytes: body === 0 ? MOST_BODY : body }),
  };
}
