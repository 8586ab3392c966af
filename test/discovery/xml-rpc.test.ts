/** XML-RPC as CPython writes it, in pieces and where it is wrong. */
import { describe, expect, it } from 'vitest';
import { PairReader, toXmlCall, XmlRpcFault } from '../../src/discovery/xml-rpc.ts';

function read(...pieces: readonly (string | Uint8Array)[]): string[][] {
  const pairs: string[][] = [];
  const reader = new PairReader((first, second) => pairs.push([first, second]));
  for (const piece of pieces) reader.write(typeof piece === 'string' ? Buffer.from(piece) : piece);
  reader.end();
  return pairs;
}

/** What `xmlrpc.client.dumps` makes of a list of pairs. */
const rows = (...pairs: readonly (readonly [string, string])[]): string =>
  pairs
    .map(
      (pair) =>
        `<value><array><data>\n${pair.map((one) => `<value><string>${one}</string></value>\n`).join('')}</data></array></value>\n`,
    )
    .join('');
const answer = (inner: string): string =>
  `<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n${inner}</data></array></value>\n</param>\n</params>\n</methodResponse>\n`;
const fault = (code: number, text: string): string =>
  `<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>${code}</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>${text}</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n`;

describe('an answer', () => {
  it('gives its pairs, wherever the bytes are cut', () => {
    const bytes = Buffer.from(
      answer(rows(['Maintainer', 'Weather_MCP'], ['Właściciel', 'left&amp;&lt;pad&gt;'])),
    );
    const pairs = [
      ['Maintainer', 'Weather_MCP'],
      ['Właściciel', 'left&<pad>'],
    ];
    for (let cut = 0; cut <= bytes.length; cut += 1)
      expect(read(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(pairs);
  });

  it('may leave out the type of a text, and may be empty', () => {
    const bare = '<value><array><data><value>a</value><value><![CDATA[b<]]></value></data></array></value>';
    expect(read(answer(bare))).toEqual([['a', 'b<']]);
    expect(read(answer(''))).toEqual([]);
  });

  it('may be a fault', () => {
    const wanted = new XmlRpcFault(-32500, 'HTTPTooManyRequests: later');
    expect(() => read(fault(-32500, 'HTTPTooManyRequests: later'))).toThrow(wanted);
    expect(() => read(fault(-32601, ''))).toThrow(expect.objectContaining({ code: -32601 }));
  });

  it.each([
    ['a page', '<!doctype html><html><body>no</body></html>'],
    ['JSON', '{"names":[]}'],
    ['nothing', ''],
    ['half of one', answer(rows(['a', 'b'])).slice(0, 120)],
    ['a pair of one', answer('<value><array><data><value>a</value></data></array></value>')],
    ['lists in pairs', answer(rows(['a', `</string></value>${rows(['a', 'b'])}<value><string>`]))],
    ['a text without end', answer(rows(['a', 'x'.repeat(5_000)]))],
    ['elements without end', `<methodResponse>${'<a>'.repeat(1_000)}`],
    ['attributes', `<methodResponse ${'a="b" '.repeat(10)}/>`],
    [
      'entities of its own',
      `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${answer(rows(['&b;', 'c'])).slice(22)}`,
    ],
  ])('is none when it is %s', (_, text) => {
    expect(() => read(text)).toThrow();
  });
});

it('a call has its texts escaped', () => {
  expect(toXmlCall('browse', [['Framework :: A & B', '</string>']])).toBe(
    '<?xml version="1.0"?><methodCall><methodName>browse</methodName><params><param><value><array><data>' +
      '<value><string>Framework :: A &amp; B</string></value><value><string>&lt;/string&gt;</string></value>' +
      '</data></array></value></param></params></methodCall>',
  );
});
