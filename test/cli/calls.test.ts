import { describe, expect, it } from 'vitest';
import { createMachine } from './system-double.ts';

const ECHO = {
  name: 'echo',
  description: 'Says it again\nand more',
  inputSchema: {
    type: 'object',
    properties: {
      message: { type: 'string' },
      times: { type: 'integer' },
      loud: { type: 'boolean' },
      any: {},
    },
    required: ['message'],
  },
};

async function createServer(options: { interactive?: boolean } = {}) {
  const machine = await createMachine(options);
  machine.peer.give('tools/list', { tools: [ECHO] });
  machine.peer.give('tools/call', {
    resultType: 'complete',
    content: [{ type: 'text', text: 'hi \u001b[31mthere' }],
  });
  const sent = () =>
    machine.peer.asked.filter(({ method }) => method === 'tools/call').map(({ params }) => params);
  return { ...machine, sent };
}

describe('berth call', () => {
  it('makes the arguments to what the schema wants, and writes the text', async () => {
    const { berth, sent } = await createServer();
    const told = ['message=12', 'times=3', '--arg', 'loud=true', '--arg', 'any={"a":[1]}', 'other=null'];
    expect(await berth('call', 'demo', 'echo', ...told)).toEqual({ code: 0, out: 'hi there\n', err: '' });
    expect(sent()).toEqual([
      { name: 'echo', arguments: { message: '12', times: 3, loud: true, any: { a: [1] }, other: 'null' } },
    ]);
  });

  it('takes all arguments as JSON, from the line, a file or the input', async () => {
    const { berth, sent, files, state } = await createServer();
    files['args.json'] = '{"message":"file"}';
    state.input = '{"message":"input"}';
    for (const given of ['{"message":"line"}', '@args.json', '-'])
      expect((await berth('call', 'demo', 'echo', '--json', given)).code).toBe(0);
    expect(sent().map((params) => params.arguments)).toEqual([
      { message: 'line' },
      { message: 'file' },
      { message: 'input' },
    ]);
  });

  it.each([
    [['times=many'], 'times must be integer, not "many"'],
    [['message'], '"message" is no argument'],
    [['--json', '[1]'], 'the arguments must be a JSON object'],
    [['--json', '{'], 'the arguments are no JSON'],
    [['--json', '{}', 'a=b'], 'either --json or single arguments'],
    [['--json', '@none'], 'the file none cannot be read'],
  ])('refuses %j', async (given, message) => {
    const { berth, sent } = await createServer();
    const { code, err } = await berth('call', 'demo', 'echo', ...given);
    expect([code, err.split('\n')[0]]).toEqual([1, `✗ ${message}`]);
    expect(sent()).toEqual([]);
  });

  it('says that there is no such tool before anything is sent', async () => {
    const { berth, sent } = await createServer();
    const { code, err } = await berth('call', 'demo', 'eko', 'a=b');
    expect([code, err]).toEqual([
      1,
      '✗ demo has no tool "eko"\n  hint    List what it has with: berth tools demo.\n',
    ]);
    expect(sent()).toEqual([]);
  });

  it('ends with 5 when the tool or the server fails, and keeps the result', async () => {
    const { berth, peer } = await createServer();
    peer.give('tools/call', { content: [{ type: 'text', text: 'disk full' }], isError: true });
    expect(await berth('call', 'demo', 'echo')).toMatchObject({ code: 5, out: 'disk full\n' });
    peer.answers.set('tools/call', async () => ({ error: { code: -32603, message: 'broken' } }));
    const { code, err } = await berth('call', 'demo', 'echo');
    expect([code, err.split('\n')[0]]).toEqual([5, '✗ demo answers: broken']);
    const json = await berth('-o', 'json', 'call', 'demo', 'echo');
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'call-failed', status: 502 } });
  });

  it('shows progress and logs beside the answer', async () => {
    const { berth, peer } = await createServer();
    peer.answers.set('tools/call', async ({ onNotification }) => {
      onNotification?.('notifications/progress', { progress: 1, total: 2, message: 'half\u0007' });
      onNotification?.('notifications/message', { level: 'warning', data: { disk: 'low' } });
      return { result: { content: [{ type: 'image', mimeType: 'image/png', data: 'AAAA' }] } };
    });
    const { out, err } = await berth('call', 'demo', 'echo');
    expect(err).toBe('  1/2  half\n  demo warning  {"disk":"low"}\n');
    expect(out).toBe('[image image/png, 3 bytes; -o json has it]\n');
    const yaml = await berth('-o', 'yaml', 'call', 'demo', 'echo');
    expect(yaml.out).toBe('content:\n  - type: image\n    mimeType: image/png\n    data: AAAA\n');
  });

  it('is given up by Ctrl-C', async () => {
    const { berth, peer, signal } = await createServer();
    let cancelled = false;
    peer.answers.set('tools/call', ({ signal: leaving }) => {
      const gone = new Promise<never>((_, reject) =>
        leaving?.addEventListener('abort', () => {
          cancelled = true;
          reject(leaving.reason);
        }),
      );
      queueMicrotask(signal);
      return gone;
    });
    expect((await berth('call', 'demo', 'echo')).code).toBe(130);
    await expect.poll(() => cancelled).toBe(true);
  });
});

const FORM = {
  type: 'object',
  properties: {
    name: { type: 'string', title: 'Your name' },
    age: { type: 'integer', default: 30 },
    sure: { type: 'boolean', description: 'really' },
    colour: {
      type: 'string',
      oneOf: [
        { const: 'r', title: 'Red' },
        { const: 'g', title: 'Green' },
      ],
    },
    sizes: { type: 'array', items: { type: 'string', enum: ['s', 'm', 'l'] } },
    note: { type: 'string' },
  },
  required: ['name', 'sure', 'colour'],
};

function asking(params: Record<string, unknown>) {
  return {
    resultType: 'input_required',
    inputRequests: { q: { method: 'elicitation/create', params } },
    requestState: 'sealed',
  };
}

const DONE = { content: [{ type: 'text', text: 'done' }] };

describe('a server that asks', () => {
  it('is answered from the terminal, field by field', async () => {
    const { berth, peer, state, sent } = await createServer({ interactive: true });
    peer.give('tools/call', asking({ message: 'Who are\u001b[2J you?', requestedSchema: FORM }), DONE);
    state.typed = ['', '', 'Ada', '', 'perhaps', 'yes', 'Blue', '2', 's, 3', ''];
    const { code, out, err } = await berth('call', 'demo', 'echo');
    expect([code, out]).toEqual([0, 'done\n']);
    expect(sent()[1]).toEqual({
      name: 'echo',
      arguments: {},
      requestState: 'sealed',
      inputResponses: {
        q: {
          action: 'accept',
          content: { name: 'Ada', age: 30, sure: true, colour: 'g', sizes: ['s', 'l'] },
        },
      },
    });
    expect(err).toContain('demo asks: Who are you?\n');
    expect(err).toContain('    1  Red (r)\n    2  Green (g)\n');
    expect(err).toContain('  sure must be yes or no\n');
    expect(err).toContain('  colour must be one of r, g\n');
    expect(state.questions).toContain('  age [30]: ');
  });

  it.each([
    [['n'], 'decline'],
    [['c'], 'cancel'],
    [[], 'cancel'],
    [['y'], 'cancel'],
  ])('takes %j for %s', async (typed, action) => {
    const { berth, peer, state, sent } = await createServer({ interactive: true });
    peer.give('tools/call', asking({ message: 'Who?', requestedSchema: FORM }), DONE);
    state.typed = [...typed];
    await berth('call', 'demo', 'echo');
    expect(sent()[1]?.inputResponses).toEqual({ q: { action } });
  });

  it('shows an address with its host, and opens nothing', async () => {
    const { berth, peer, state, sent } = await createServer({ interactive: true });
    const url = 'https://login.example.com/a?b=c';
    peer.give('tools/call', asking({ mode: 'url', message: 'Sign in', url, elicitationId: 'e' }), DONE);
    state.typed = ['y'];
    const { err } = await berth('call', 'demo', 'echo');
    expect(err).toContain(`if you trust login.example.com:\n  ${url}\n`);
    expect(sent()[1]?.inputResponses).toEqual({ q: { action: 'accept' } });
  });

  it('ends with 6 where nobody can answer, unless the answers are given', async () => {
    const { berth, peer, sent } = await createServer();
    peer.give('tools/call', asking({ message: 'Who?', requestedSchema: FORM }), DONE);
    const alone = await berth('call', 'demo', 'echo');
    expect([alone.code, alone.err.split('\n')[0]]).toEqual([6, '✗ demo asks: Who?']);
    expect(sent()).toHaveLength(1);

    const name = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    peer.give('tools/call', asking({ message: 'Who?', requestedSchema: name }), DONE);
    expect((await berth('call', 'demo', 'echo', '--answer', 'name=Ada')).code).toBe(0);
    expect(sent().at(-1)?.inputResponses).toEqual({ q: { action: 'accept', content: { name: 'Ada' } } });
  });

  it('cannot ask for what only a model has', async () => {
    const { berth, peer } = await createServer({ interactive: true });
    const request = { q: { method: 'sampling/createMessage', params: {} } };
    peer.give('tools/call', { resultType: 'input_required', inputRequests: request });
    expect((await berth('call', 'demo', 'echo')).code).toBe(6);
  });

  it('is left when it does not stop asking', async () => {
    const { berth, peer, state } = await createServer({ interactive: true });
    peer.give(
      'tools/call',
      asking({ message: 'Again?', requestedSchema: { type: 'object', properties: {} } }),
    );
    state.typed = Array.from({ length: 50 }, () => 'y');
    const { code, err } = await berth('call', 'demo', 'echo');
    expect([code, err]).toEqual([5, expect.stringContaining('demo does not stop asking')]);
  });
});

describe('berth tools, prompts and resources', () => {
  it('list what there is in every format', async () => {
    const { berth } = await createServer();
    expect((await berth('tools', 'demo')).out).toBe(
      'TOOL   ARGUMENTS                      WHAT\necho   message [times] [loud] [any]   Says it again\n',
    );
    expect((await berth('-o', 'name', 'tools', 'demo')).out).toBe('echo\n');
    expect(JSON.parse((await berth('-o', 'json', 'tools', 'demo')).out)).toEqual([ECHO]);
    expect((await berth('-o', 'yaml', 'tools', 'demo')).out).toMatch(/^- name: echo\n/);
    expect(JSON.parse((await berth('tools', 'demo', 'echo')).out)).toEqual(ECHO);
    expect((await berth('tools', 'demo', 'none')).code).toBe(1);
    expect(JSON.parse((await berth('-o', 'json', 'prompts', 'demo')).out)).toEqual([]);
  });

  it('fill in a prompt and read a resource', async () => {
    const { berth, peer } = await createServer();
    peer.give('prompts/list', { prompts: [{ name: 'greet', arguments: [{ name: 'who', required: true }] }] });
    peer.give('prompts/get', { messages: [{ role: 'user', content: { type: 'text', text: 'Hello Ada' } }] });
    peer.give('resources/list', { resources: [{ uri: 'demo://a', name: 'A', mimeType: 'text/plain' }] });
    peer.give('resources/templates/list', { resourceTemplates: [{ uriTemplate: 'demo://{x}', name: 'X' }] });
    peer.give('resources/read', {
      contents: [
        { uri: 'demo://a', text: 'the text' },
        { uri: 'demo://b', blob: 'AAAA' },
      ],
    });
    expect((await berth('prompts', 'demo')).out).toContain('greet    who');
    expect((await berth('prompts', 'demo', 'greet', 'who=Ada')).out).toBe('user: Hello Ada\n');
    expect((await berth('-o', 'name', 'resources', 'demo')).out).toBe('demo://a\ndemo://{x}\n');
    expect((await berth('resources', 'demo', 'demo://a')).out).toBe(
      'the text\n[demo://b, 3 bytes; -o json has it]\n',
    );
    expect(peer.asked.find(({ method }) => method === 'prompts/get')?.params).toEqual({
      name: 'greet',
      arguments: { who: 'Ada' },
    });
  });
});
