import { expect, it } from 'vitest';
import { installCommand } from '../../src/packages/install-command.ts';

it.each([
  [{ ecosystem: 'npm', name: '@a/b' }, 'npx -y @a/b'],
  [{ ecosystem: 'npm', name: '@a/b', version: '1.2.3' }, 'npx -y @a/b@1.2.3'],
  [{ ecosystem: 'pypi', name: 'c' }, 'uvx c'],
  [{ ecosystem: 'pypi', name: 'c', version: '1.0' }, 'uvx c@1.0'],
  [{ ecosystem: 'pypi', name: 'c', manager: 'pip' }, 'pip install c'],
  [{ ecosystem: 'pypi', name: 'c', version: '1.0', manager: 'pip' }, 'pip install c==1.0'],
] as const)('shows %j as %s', (input, text) => {
  expect(installCommand(input)).toBe(text);
});
