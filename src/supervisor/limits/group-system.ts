/** What the search for control groups asks of the machine. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

export interface GroupSystem {
  readonly platform: string;
  /** Whose programs these are is root. */
  readonly isRoot: boolean;
  /** systemd is the init of this machine, and owns its control groups. */
  readonly hasSystemd: boolean;
  /** Text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
  /** False on a file system that is mounted read-only, too. */
  isWritable(path: string): boolean;
  /** Whether systemd has handed the group of a unit over to the program in it. */
  isDelegated(unit: string, of: 'user' | 'system'): Promise<boolean>;
}

/** Milliseconds in which systemd answers. */
const ANSWER_MS = 5_000;

export const thisMachine: GroupSystem = {
  platform: process.platform,
  isRoot: process.getuid?.() === 0,
  hasSystemd: existsSync('/run/systemd/system'),
  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  isWritable(path) {
    try {
      accessSync(path, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
  async isDelegated(unit, of) {
    const args = [`--${of}`, 'show', '--property=Delegate', '--value', '--', unit];
    const answer = await promisify(execFile)('systemctl', args, { timeout: ANSWER_MS }).catch(
      () => undefined,
    );
    return answer?.stdout.trim() === 'yes';
  },
};
