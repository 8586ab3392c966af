/** Reads setting flags of a command line that has no other options, such as that of `npm start`. */
import { BerthError } from '../errors.ts';
import { SETTING_KEYS } from './keys.ts';
import type { Flags } from './sources.ts';

/**
 * `--port 8054`, `--port=8054`, `--cors`, `--no-cors`; flags of lists may be repeated. Names are checked by `loadSettings`;
 * throws `bad-setting` for an argument that is no flag and for a flag without its value.
 */
export function parseFlags(args: readonly string[]): Flags {
  const flags: Record<string, unknown> = {};
  for (let index = 0; index < args.length; index++) {
    const { name, text } = split(args[index] ?? '');
    const setting = SETTING_KEYS.find(
      ({ flag }) => flag === `--${name}` || flag === `--${name.replace(/^no-/, '')}`,
    );
    if (setting?.isSwitch && text === undefined) {
      flags[setting.flag] = setting.flag === `--${name}`;
      continue;
    }
    const value = text ?? args[++index];
    if (value === undefined) throw new BerthError('bad-setting', `flag --${name} needs a value`);
    flags[name] = setting?.isList && flags[name] !== undefined ? `${flags[name]},${value}` : value;
  }
  return flags;
}

function split(argument: string): { readonly name: string; readonly text: string | undefined } {
  if (!argument.startsWith('--') || argument.length === 2) {
    throw new BerthError('bad-setting', 'expected only flags of the form --name value', {
      fields: [{ pointer: 'flags', detail: 'an argument is no flag' }],
    });
  }
  const equals = argument.indexOf('=');
  if (equals === -1) return { name: argument.slice(2), text: undefined };
  return { name: argument.slice(2, equals), text: argument.slice(equals + 1) };
}
