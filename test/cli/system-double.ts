/** A machine for the command line: its gateway is an API over doubles, its screen two strings. */
import { createApi } from '../../src/api/app.ts';
import { LOCAL_PRINCIPAL, type Scope } from '../../src/auth/principal.ts';
import type { LocalGateway, ResourceCheck } from '../../src/background/main.ts';
import type { CliSystem } from '../../src/cli/cli-system.ts';
import { runCli } from '../../src/cli/program.ts';
import type { Discovery } from '../../src/discovery/discovery.ts';
import { GroupLists } from '../../src/groups/group-lists.ts';
import { Groups } from '../../src/groups/groups.ts';
import { createLog } from '../../src/log/log.ts';
import { LogBook } from '../../src/log/log-book.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';
import { createInspector } from '../inspection/doubles.ts';
import { createFixture } from '../servers/doubles.ts';

export interface Screen {
  out: string;
  err: string;
}

const serving = {
  state: 'serving',
  pid: 4711,
  url: 'https://berth.example.com',
  localUrl: 'http://127.0.0.1:8053',
  version: '1.2.3',
  since: '2026-11-26T00:00:00.000Z',
} as const;

interface MachineOptions {
  readonly gateway?: boolean;
  readonly interactive?: boolean;
  /** Instead of one whose registries cannot be reached. */
  readonly discovery?: Discovery;
}

/** Two of what the gateway runs with. */
const SETTINGS = [
  { key: 'port', value: 8053, source: 'default' },
  { key: 'allowedHosts', value: ['berth.example.com'], source: 'environment variable BERTH_ALLOWED_HOSTS' },
];

export async function createMachine({ gateway = true, interactive = false, discovery }: MachineOptions = {}) {
  const fixture = await createFixture();
  const { inspector, inspections } = createInspector(fixture);
  const groups = {
    groups: new Groups(new SqliteGroupStore(':memory:')),
    lists: new GroupLists(fixture.calls),
    stateOf: (server: string) => fixture.manager.find(server)?.state,
    publicUrl: () => 'http://127.0.0.1:8053',
  };
  const logBook = new LogBook();
  const log = createLog({ level: 'debug', destination: { write: () => {} }, book: logBook });
  const api = createApi({
    ...fixture,
    inspector,
    groups,
    logBook,
    settings: () => SETTINGS,
    ...(discovery && { discovery }),
  });
  const state = {
    up: gateway,
    closed: 0,
    answer: true,
    questions: [] as string[],
    /** What the person types, line by line; nothing left means that they leave. */
    typed: [] as string[],
    input: '',
    env: {} as Record<string, string>,
    /** What runs on this machine, in the background or not. */
    local: { state: 'none', dataDir: '/data', logFile: '/data/gateway.log' } as LocalGateway,
    limits: [{ resource: 'memory' }, { resource: 'cpu' }] as ResourceCheck[],
    /** Of which gateways they were asked. */
    limitsOf: [] as (number | undefined)[],
    /** Settings that gateways were started with. */
    flags: [] as (readonly string[])[],
  };
  const files: Record<string, string> = {};
  const signals = new Set<() => void>();
  const sent: { url: string; headers: Headers }[] = [];
  const keys = new Map<string, { createdAt: string; scope: Scope }>();
  const screen: Screen = { out: '', err: '' };
  const system: CliSystem = {
    get env() {
      return state.env;
    },
    interactive,
    out: (text) => {
      screen.out += text;
    },
    err: (text) => {
      screen.err += text;
    },
    async fetch(input, init) {
      if (!state.up) throw new TypeError('fetch failed');
      const request = new Request(input, init);
      sent.push({ url: request.url, headers: request.headers });
      const response = await api.fetch(request, { principal: LOCAL_PRINCIPAL });
      // As the real one does: an abort breaks the body off.
      if (!init?.signal || !response.body) return response;
      return new Response(
        response.body.pipeThrough(new TransformStream(), { signal: init.signal }),
        response,
      );
    },
    async readFile(path) {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
    async readIfThere(path) {
      return files[path];
    },
    async replaceFile(path, text) {
      const before = files[path];
      if (before !== undefined) files[`${path}.before`] = before;
      files[path] = text;
      return before === undefined ? undefined : `${path}.before`;
    },
    places: { platform: 'linux', home: '/home/ada', config: '/home/ada/.config' },
    cwd: '/home/ada/project',
    self: { command: '/bin/node', args: ['/lib/berth.mjs'] },
    async confirm(question) {
      state.questions.push(question);
      return state.answer;
    },
    async ask(question) {
      state.questions.push(question);
      screen.err += question;
      return state.typed.shift();
    },
    async askUnseen(question) {
      state.questions.push(question);
      return state.typed.shift();
    },
    async listenForCallback() {
      return {
        url: 'http://127.0.0.1:9/callback',
        received: async (expected) => `http://127.0.0.1:9/callback?code=c&state=${expected}`,
        async close() {},
      };
    },
    async readInput() {
      return state.input;
    },
    async launchGateway(flags = []) {
      state.flags.push(flags);
      state.up = true;
      return {
        url: 'http://127.0.0.1:8053',
        async close() {
          state.closed++;
          state.up = false;
        },
      };
    },
    machine: {
      find: async () => state.local,
      async limits(pid) {
        state.limitsOf.push(pid);
        return state.limits;
      },
      async launch(flags) {
        state.flags.push(flags);
        state.local = { ...state.local, ...serving };
        return { url: serving.url, pid: serving.pid, logFile: state.local.logFile };
      },
      async end({ force }) {
        const { pid } = state.local;
        if (pid === undefined) return { state: 'none' };
        state.local = { state: 'none', dataDir: '/data', logFile: '/data/gateway.log' };
        return { state: force ? 'killed' : 'ended', pid };
      },
    },
    onSignal(fn) {
      signals.add(fn);
      return () => signals.delete(fn);
    },
    async openKeys() {
      return {
        add(name, scope = 'manage') {
          keys.set(name, { createdAt: '2026-11-21T00:00:00.000Z', scope });
          return `berth_${name}`;
        },
        list: () => [...keys].map(([name, key]) => ({ name, source: 'file', ...key })),
        remove: (name) => keys.delete(name),
      };
    },
  };
  const signal = () => {
    for (const fn of [...signals]) fn();
  };
  /** Runs one command line on a clean screen. */
  const berth = async (...argv: string[]) => {
    screen.out = '';
    screen.err = '';
    const code = await runCli({ argv, system });
    return { code, ...screen };
  };
  return { ...fixture, inspections, log, system, state, files, signals, signal, sent, screen, berth };
}
