/** The command that a person would type to run a package by hand: text for display, never executed. */

import type { Ecosystem } from './package.ts';

/** How to show it: npm by npx, PyPI by uvx or pip. */
export type InstallManager = 'npx' | 'uvx' | 'pip';

/** For example `npx -y name@1.2.3`, `uvx name@1.2.3` or `pip install name==1.2.3`; without `version` no pin. */
export function installCommand(input: {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly version?: string;
  /** Absent: npx for npm, uvx for PyPI. */
  readonly manager?: InstallManager;
}): string {
  const { name, version } = input;
  const manager = input.manager ?? (input.ecosystem === 'npm' ? 'npx' : 'uvx');
  switch (manager) {
    case 'npx':
      return `npx -y ${name}${version === undefined ? '' : `@${version}`}`;
    case 'uvx':
      return `uvx ${name}${version === undefined ? '' : `@${version}`}`;
    case 'pip':
      return `pip install ${name}${version === undefined ? '' : `==${version}`}`;
  }
}
