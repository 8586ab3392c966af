/** Whatever comes over a control connection is cut into records, or refused; a workload is not trusted. */
import { describe, expect, it } from 'vitest';
import { type SpawnRecord, SpawnRecordReader } from '../../src/supervisor/spawn-wire.ts';

function bytes(kind: string, content: Buffer | string): Buffer {
  const head = Buffer.alloc(5, kind);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, Buffer.from(content)]);
}

function number(value: number): Buffer {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value);
  return four;
}

const ALL = Buffer.concat([
  bytes('T', 'token of sixteen'),
  bytes('P', number(42)),
  bytes('E', 'some error'),
  bytes('E', ''),
  bytes('X', Buffer.concat([Buffer.from('c'), number(7)])),
  bytes('X', Buffer.concat([Buffer.from('s'), number(9)])),
  bytes('X', Buffer.concat([Buffer.from('s'), number(250)])),
  bytes('F', Buffer.concat([Buffer.from('x'), number(2)])),
  bytes('Z', number(0)),
]);
const READ: readonly SpawnRecord[] = [
  { kind: 'token', token: Buffer.from('token of sixteen') },
  { kind: 'started', pid: 42 },
  { kind: 'stderr', bytes: Buffer.from('some error') },
  { kind: 'stderr', bytes: Buffer.alloc(0) },
  { kind: 'exited', exit: { code: 7, signal: null } },
  { kind: 'exited', exit: { code: null, signal: 'SIGKILL' } },
  { kind: 'exited', exit: { code: null, signal: 'signal 250' } },
  { kind: 'failed', step: 'program', code: 'ENOENT', text: '' },
  { kind: 'over', left: 0 },
];

describe('records', () => {
  it('are read as they were written', () => {
    expect(new SpawnRecordReader().push(ALL)).toEqual(READ);
  });

  it('are put together wherever they are cut', () => {
    for (let cut = 0; cut <= ALL.length; cut++) {
      const reader = new SpawnRecordReader();
      expect([...reader.push(ALL.subarray(0, cut)), ...reader.push(ALL.subarray(cut))]).toEqual(READ);
    }
    const reader = new SpawnRecordReader();
    expect([...ALL].flatMap((byte) => reader.push(Buffer.of(byte)))).toEqual(READ);
  });

  it('of failures carry a short text of plain characters', () => {
    const text = `\u001b[31m${'é'.repeat(500)}`;
    const content = Buffer.concat([Buffer.from('q'), number(0xffffffff), Buffer.from(text)]);
    const [failure] = new SpawnRecordReader().push(bytes('F', content));
    expect(failure).toMatchObject({ kind: 'failed', step: 'system', code: 'unknown error' });
    expect(failure?.kind === 'failed' && failure.text).toMatch(/^\?\[31m\?{115}$/);
  });

  it.each([
    ['a record of an unknown kind', bytes('?', '')],
    ['a record that is too long', Buffer.concat([Buffer.from('E'), number(64 * 1024)])],
    ['a number that is cut off', bytes('P', '\0\0')],
    ['an exit that is cut off', bytes('X', 'c')],
    ['a failure that is cut off', bytes('F', '')],
  ])('do not include %s', (_name, wrong) => {
    expect(() => new SpawnRecordReader().push(wrong)).toThrow();
  });
});
