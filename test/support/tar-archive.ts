/** Builds tar archives member by member, also such as no honest program would make. */
import { gzipSync } from 'node:zlib';

export interface TarMember {
  readonly name: string;
  /** `file` unless given. */
  readonly type?: 'file' | 'folder' | 'symlink' | 'hardlink' | 'fifo' | 'device';
  readonly text?: string;
  readonly target?: string;
  readonly mode?: number;
}

const TYPE = { file: '0', hardlink: '1', symlink: '2', device: '3', folder: '5', fifo: '6' } as const;
const BLOCK = 512;

/** Gzipped. */
export function tarOf(members: readonly TarMember[]): Buffer {
  const blocks = members.flatMap((member) => {
    const body = Buffer.from(member.text ?? '');
    return [header(member, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
}

function header({ name, type = 'file', target = '', mode = 0o644 }: TarMember, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  block.write(name, 0, 100);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write('        ', 148);
  block.write(TYPE[type], 156);
  block.write(target, 157, 100);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
