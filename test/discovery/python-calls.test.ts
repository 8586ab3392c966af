/** Packages of a person and of a classifier, at an index that answers such questions and at those that do not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AnswerCache } from '../../src/discovery/answer-cache.ts';
import { PypiCalls } from '../../src/discovery/pypi-calls.ts';
import { unknownPypiCapabilities } from '../../src/discovery/pypi-registry.ts';
import { RegistryReader } from '../../src/discovery/registry-reader.ts';
import { type Answer, AnsweringServer, text } from '../support/answering-server.ts';
import { startPypiServer } from '../support/pypi-server.ts';
import { startXmlRpcIndex, type XmlRpcIndex } from '../support/xml-rpc-index.ts';
import { createRig, references, reportOf } from './rig.ts';

const WEB = 'Framework :: A & B';
const MANY = 'Topic :: Software Development';
const many = Array.from({ length: 2_500 }, (_, index) => [`mcp-${index}`, '1.0'] as const);

describe('an index that speaks XML-RPC', () => {
  let index: XmlRpcIndex;
  let rig: Awaited<ReturnType<typeof createRig>>;
  beforeAll(async () => {
    index = await startXmlRpcIndex({
      people: {
        ann: [
          ['Owner', 'left-pad'],
          ['Owner', 'Weather_MCP'],
          ['Maintainer', 'time-mcp'],
        ],
      },
      classifiers: {
        [WEB]: [
          ['Weather.MCP', '1.0'],
          ['weather-mcp', '2.0'],
          ['web-mcp', '0.1'],
        ],
        [MANY]: many,
      },
    });
    rig = await createRig({ pypi: index.url });
  });
  afterAll(async () => {
    await rig?.close();
    await index?.close();
  });
  const pypi = (answer: Parameters<typeof references>[0]) =>
    references(answer)
      .filter((one) => one.startsWith('pypi:'))
      .sort();

  it('is searched by maintainer, and by words of the names as well', async () => {
    const answer = await rig.search('maintainer:ann');
    expect(pypi(answer)).toEqual(['pypi:time-mcp', 'pypi:weather-mcp']);
    expect(reportOf(answer, 'pypi')).toMatchObject({
      state: 'ok',
      count: 3,
      capabilities: { maintainers: true, classifiers: 'unknown' },
    });
    expect(pypi(await rig.search('maintainer:ann', { all: true }))).toContain('pypi:left-pad');
    expect(pypi(await rig.search('weather maintainer:ann'))).toEqual(['pypi:weather-mcp']);
    expect(pypi(await rig.search('maintainer:nobody'))).toEqual([]);
  });

  it('is searched by classifier, each package once, and by both', async () => {
    const answer = await rig.search(`classifier:"${WEB}"`);
    expect(pypi(answer)).toEqual(['pypi:weather-mcp', 'pypi:web-mcp']);
    expect(reportOf(answer, 'pypi')).toMatchObject({ state: 'ok', capabilities: { classifiers: true } });
    expect(pypi(await rig.search(`maintainer:ann classifier:"${WEB}"`))).toEqual(['pypi:weather-mcp']);
  });

  it('is read to a bound, which is told', async () => {
    const answer = await rig.search(`classifier:"${MANY}"`);
    expect(pypi(answer)).toHaveLength(20);
    expect(reportOf(answer, 'pypi')).toMatchObject({
      state: 'ok',
      failure: { message: 'the Python index has more packages of that kind than are read' },
    });
  });

  it('is read to so many bytes and not further', async () => {
    const options = { label: 'the index', options: {}, cache: new AnswerCache() };
    const calls = new PypiCalls({
      url: new URL('../pypi', index.url),
      reader: new RegistryReader(options),
      capabilities: unknownPypiCapabilities(),
      mostBytes: 1_000,
    });
    const { value } = await calls.ofClassifier(MANY, { timeout: 10_000 });
    expect(value?.cut).toBe('bytes');
    expect(value?.names.length).toBeLessThan(many.length);
  });

  it('is kept as what its names hold, and asked again where there is no room for them', async () => {
    let now = 0;
    const ages = async (mostBytes: number): Promise<number[]> => {
      const options = { label: 'the index', options: {}, cache: new AnswerCache(() => now, mostBytes) };
      const calls = new PypiCalls({
        url: new URL('../pypi', index.url),
        reader: new RegistryReader(options),
        capabilities: unknownPypiCapabilities(),
      });
      const first = await calls.ofClassifier(MANY, { timeout: 10_000 });
      now += 1_000;
      return [first.ageMs, (await calls.ofClassifier(MANY, { timeout: 10_000 })).ageMs];
    };
    expect(await ages(1_000_000)).toEqual([0, 1_000]);
    expect(await ages(10_000)).toEqual([0, 0]);
  });

  it('is asked for nothing else', async () => {
    const answer = await rig.search('keywords:mcp');
    expect(reportOf(answer, 'pypi')).toMatchObject({
      state: 'unsupported',
      message: 'a Python index knows maintainer: and classifier: only',
    });
  });
});

it('a real index without XML-RPC says that it cannot tell', async () => {
  const index = await startPypiServer();
  const rig = await createRig({ pypi: index.url });
  try {
    const answer = await rig.search('maintainer:ann');
    expect(reportOf(answer, 'pypi')).toMatchObject({
      state: 'unsupported',
      capabilities: { maintainers: false },
    });
  } finally {
    await rig.close();
    await index.close();
  }
});

describe('an index that answers otherwise', () => {
  const fault = (code: number, said: string): Answer =>
    text(
      `<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>${code}</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>${said}</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n`,
      'text/xml',
    );
  const status =
    (code: number): Answer =>
    (_, response) =>
      response.writeHead(code).end();

  it.each([
    ['has no such path', status(404), { state: 'unsupported', capabilities: { classifiers: false } }],
    ['takes no POST', status(405), { state: 'unsupported', capabilities: { classifiers: false } }],
    ['has no such method', fault(-32601, 'method not found'), { state: 'unsupported' }],
    [
      'wants to be left alone',
      fault(-32500, 'HTTPTooManyRequests: Limit may reset in 1 seconds.'),
      { state: 'failed', failure: { code: 'registry-failed', reason: 'busy' } },
    ],
    [
      'refuses',
      fault(-32500, 'RuntimeError: no\nlonger'),
      {
        state: 'failed',
        failure: { message: 'the Python index refused the question: RuntimeError: no longer' },
      },
    ],
    [
      'sends a page',
      text('<html><body>Welcome</body></html>', 'text/html'),
      { state: 'failed', failure: { reason: 'malformed' }, capabilities: { classifiers: 'unknown' } },
    ],
    ['wants credentials', status(401), { state: 'failed', failure: { reason: 'denied' } }],
  ] as const)('%s', async (_, answer, report) => {
    const server = await new AnsweringServer().on(/^\/pypi$/, answer).start();
    const rig = await createRig({ pypi: `${server.url}simple/` });
    try {
      const found = await rig.search(`classifier:"${WEB}"`);
      expect(reportOf(found, 'pypi')).toMatchObject({ count: 0, ...report });
    } finally {
      await rig.close();
      await server.close();
    }
  });

  it('says nothing: it is given up, and the others answer', async () => {
    const server = await new AnsweringServer().on(/^\/pypi$/, () => {}).start();
    const rig = await createRig({ pypi: `${server.url}simple/`, deadline: 300 });
    try {
      const found = await rig.search(`classifier:"${WEB}"`);
      expect(reportOf(found, 'pypi')).toMatchObject({ state: 'failed', failure: { reason: 'slow' } });
    } finally {
      await rig.close();
      await server.close();
    }
  });
});
