/** Builds the archives that package registries serve: npm tarballs and Python wheels. */

import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

export type ArchiveFiles = Readonly<Record<string, string>>;

/** A gzipped tar of the files, below `folder/`; all are executable. */
export function toTarball(files: ArchiveFiles, folder = 'package'): Buffer {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const body = Buffer.from(text);
    const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
    return [tarHeader(`${folder}/${name}`, body.length), body, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000755\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write(`${(0).toString(8).padStart(11, '0')}\0`, 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** A zip archive of the files; `method` 8 compresses, 0 stores. */
export function toZip(files: ArchiveFiles, method: 0 | 8 = 8): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const { local, central } = zipEntry(name, Buffer.from(text), { method, offset });
    locals.push(local);
    centrals.push(central);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(centrals.length, 8);
  end.writeUInt16LE(centrals.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

function zipEntry(name: string, body: Buffer, at: { readonly method: number; readonly offset: number }) {
  const packed = at.method === 8 ? deflateRawSync(body) : body;
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(20, 0);
  shared.writeUInt16LE(at.method, 4);
  shared.writeUInt16LE(0x21, 8);
  shared.writeUInt32LE(crc32(body), 10);
  shared.writeUInt32LE(packed.length, 14);
  shared.writeUInt32LE(body.length, 18);
  shared.writeUInt16LE(Buffer.byteLength(name), 22);
  const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), shared, Buffer.from(name), packed]);
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE((0o100755 << 16) >>> 0, 6);
  tail.writeUInt32LE(at.offset, 10);
  const central = Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0000'), shared, tail, Buffer.from(name)]);
  return { local, central };
}

/** A pure Python wheel with one module and its console scripts (`name: module:function`). */
export function toWheel(input: {
  readonly name: string;
  readonly version: string;
  readonly files: ArchiveFiles;
  readonly scripts: Readonly<Record<string, string>>;
  readonly requires?: readonly string[];
  /** What it needs of Python, such as `>=3.12`. */
  readonly python?: string;
}): { file: string; bytes: Buffer } {
  const { name, version } = input;
  const info = `${name.replaceAll('-', '_')}-${version}.dist-info`;
  const requires = (input.requires ?? []).map((line) => `Requires-Dist: ${line}\n`).join('');
  const python = input.python === undefined ? '' : `Requires-Python: ${input.python}\n`;
  const scripts = Object.entries(input.scripts).map(([script, target]) => `${script} = ${target}\n`);
  const files: Record<string, string> = {
    ...input.files,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${python}${requires}`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/entry_points.txt`]: `[console_scripts]\n${scripts.join('')}`,
  };
  files[`${info}/RECORD`] = [...Object.keys(files), `${info}/RECORD`].map((path) => `${path},,\n`).join('');
  return { file: `${name.replaceAll('-', '_')}-${version}-py3-none-any.whl`, bytes: toZip(files) };
}
