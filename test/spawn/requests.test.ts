/** Whatever is sent to berth-spawn as a request, it starts what was meant or says what is wrong, and goes on serving. */
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlPreface, dataPreface } from '../../src/supervisor/spawn-wire.ts';
import { fixture } from '../support/local-process.ts';
import {
  type Build,
  buildSpawn,
  launchOf,
  openData,
  RawConnection,
  type RunningHelper,
  requestProcess,
  startHelper,
  startProcess,
} from '../support/spawn-helper.ts';

const PREFACE = Buffer.from('BS1C');

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(kind: string, content: string | Buffer, length = Buffer.from(content).length): Buffer {
  return Buffer.concat([Buffer.from(kind), number(length), Buffer.from(content)]);
}

const PROGRAM = field('A', '/bin/true');
const FOLDER = field('C', '/');
const GRACES = field('G', Buffer.alloc(8));
const WHOLE = Buffer.concat([PROGRAM, FOLDER, GRACES]);
const many = (count: number, one: Buffer): Buffer[] => Array.from({ length: count }, () => one);

const WRONG: readonly (readonly [string, readonly Buffer[], string])[] = [
  ['nothing', [], 'no program is given'],
  ['half of a field head', [WHOLE, Buffer.from('A\0')], 'a field is cut off'],
  ['a field that ends too soon', [WHOLE, field('A', 'x', 2)], 'a field is longer than the request'],
  ['a field of four gigabytes', [WHOLE, field('A', 'x', 0xffffffff)], 'a field is longer than the request'],
  ['an unknown field', [WHOLE, field('x', '')], 'a field is of no known kind'],
  ['no program', [FOLDER, GRACES], 'no program is given'],
  ['an empty program', [field('A', ''), FOLDER, GRACES], "the program's path is not absolute"],
  ['a relative program', [field('A', 'true'), FOLDER, GRACES], "the program's path is not absolute"],
  ['no folder', [PROGRAM, GRACES], 'no working folder is given'],
  ['a relative folder', [PROGRAM, field('C', '.'), GRACES], 'the working folder is not absolute'],
  ['two folders', [WHOLE, FOLDER], 'there are two working folders'],
  ['no graces', [PROGRAM, FOLDER], 'no graces are given'],
  ['graces of seven bytes', [PROGRAM, FOLDER, field('G', Buffer.alloc(7))], 'the graces must be given once'],
  ['graces twice', [WHOLE, GRACES], 'the graces must be given once'],
  ['endless graces', [PROGRAM, FOLDER, field('G', Buffer.alloc(8, 0xff))], 'a grace is longer than an hour'],
  ['an argument with a zero byte', [WHOLE, field('A', 'a\0b')], 'a text holds a zero byte'],
  ['a variable without a name', [WHOLE, field('E', '=x')], 'a variable has no name'],
  ['a variable without a value', [WHOLE, field('E', 'x')], 'a variable has no name'],
  ['1,025 arguments', [WHOLE, ...many(1_024, field('A', 'x'))], 'there are too many arguments'],
  ['1,025 variables', [WHOLE, ...many(1_025, field('E', 'x='))], 'there are too many variables'],
];

describe.each<Build>(['release', 'sanitize'])('the %s build', (build) => {
  let helper: RunningHelper;
  beforeAll(async () => {
    helper = await startHelper({ program: await buildSpawn(build) });
  });
  afterAll(() => helper.close());

  const open = (...parts: Buffer[]): RawConnection => {
    const connection = new RawConnection(helper.socket);
    connection.socket.write(Buffer.concat(parts));
    return connection;
  };
  const goesOn = async (): Promise<void> => {
    const started = await startProcess(helper.socket, launchOf('/bin/sh', ['-c', 'exit 5']));
    expect((await started.control.record('exited')).exit).toEqual({ code: 5, signal: null });
    started.destroy();
  };

  it.each(WRONG)('refuses %s', async (_name, fields, text) => {
    const body = Buffer.concat(fields);
    const control = open(PREFACE, number(body.length), body);
    expect(await control.record('failed')).toMatchObject({ step: 'request', code: 'EINVAL' });
    expect((await control.record('failed')).text).toContain(text);
    await control.end();
    await goesOn();
  });

  it('refuses a request of more than a mebibyte before it has come', async () => {
    const control = open(PREFACE, number(1024 * 1024 + 1));
    expect(await control.record('failed')).toMatchObject({ step: 'request', code: 'E2BIG' });
    await control.end();
  });

  it.each([
    ['an unknown kind', Buffer.from('BS1X')],
    ['another version', Buffer.from('BS2C\0\0\0\0')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an input with a token that was never given', dataPreface('input', Buffer.alloc(16, 7))],
    ['an output with a token that was never given', dataPreface('output', Buffer.alloc(16, 7))],
  ])('closes a connection with %s', async (_name, bytes) => {
    const connection = open(bytes);
    await connection.end();
    expect(connection.records).toEqual([]);
    await goesOn();
  });

  it('takes a request in whatever pieces it comes', async () => {
    const control = new RawConnection(helper.socket);
    control.socket.setNoDelay();
    for (const byte of controlPreface(launchOf('/bin/true'), { eof: 0, term: 0 })) {
      control.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await control.record('token');
    control.socket.destroy();
    await goesOn();
  });

  it('forgets a request whose connection goes, in the middle and at its end', async () => {
    const whole = controlPreface(launchOf('/bin/true'), { eof: 0, term: 0 });
    open(whole.subarray(0, -1)).socket.end();
    const control = requestProcess(helper.socket, launchOf('/bin/true'));
    const { token } = await control.record('token');
    const input = openData(helper.socket, 'input', token);
    control.socket.destroy();
    await input.end();
    await goesOn();
  });

  it('takes a second input of one process for none', async () => {
    const control = requestProcess(helper.socket, launchOf('/bin/cat'));
    const { token } = await control.record('token');
    openData(helper.socket, 'input', token);
    await openData(helper.socket, 'input', token).end();
    const output = openData(helper.socket, 'output', token);
    await control.record('started');
    control.socket.destroy();
    await output.end();
  });

  it('hands arguments, environment and folder over as they are', async () => {
    const args = ['', ' ', "'$(id)'", 'żółw 🐢', '-x', 'a\nb'];
    const env = { A: '', 'b c': 'x=y', ŻÓŁW: '🐢' };
    const script = 'console.error(JSON.stringify([process.argv.slice(1), process.env, process.cwd()]))';
    const launch = { file: process.execPath, args: ['-e', script, '--', ...args], env, cwd: tmpdir() };
    const started = await startProcess(helper.socket, launch);
    expect(JSON.parse(await started.said(/(.+)\n/))).toEqual([args, env, tmpdir()]);
    await started.control.record('over');
  });

  it('takes as many arguments and variables as there may be', async () => {
    const args = Array.from({ length: 1_020 }, (_, n) => `${n}`);
    const env = Object.fromEntries(args.map((n) => [`V${n}`, 'x'.repeat(500)]));
    const script = 'console.error([process.argv.length, Object.keys(process.env).length].join())';
    const launch = { file: process.execPath, args: ['-e', script, ...args], env, cwd: tmpdir() };
    const started = await startProcess(helper.socket, launch);
    expect(await started.said(/(.+)\n/)).toBe('1021,1020');
    await started.control.record('over');
  });

  it.each([
    ['a missing program', launchOf('/no/such/program'), 'program', 'ENOENT'],
    ['a folder as the program', launchOf('/'), 'program', 'EACCES'],
    ['a missing folder', launchOf('/bin/true', [], { cwd: '/no/such/folder' }), 'folder', 'ENOENT'],
    ['an argument that no system takes', launchOf('/bin/true', ['x'.repeat(200_000)]), 'program', 'E2BIG'],
  ])('says that %s cannot be started', async (_name, launch, step, code) => {
    const control = requestProcess(helper.socket, launch);
    const { token } = await control.record('token');
    openData(helper.socket, 'input', token);
    openData(helper.socket, 'output', token);
    expect(await control.record('failed')).toMatchObject({ step, code });
    await control.end();
    expect(control.records.map(({ kind }) => kind)).toEqual(['token', 'failed']);
  });

  it('ends a process at once whose commands make no sense', async () => {
    const started = await startProcess(helper.socket, launchOf(process.execPath, [fixture('polite')]));
    await started.said(/(.+)\n/);
    started.control.socket.write(Buffer.from('S\xff\xff\xff\xff', 'latin1'));
    await started.control.end();
    await started.output.end();
    await goesOn();
  });
});
