/** Options that are given several times as `NAME=value`. */
import { BerthError } from '../errors.ts';

const SHAPES: Readonly<Record<string, string>> = {
  env: 'NAME=value',
  header: 'Name=env:NAME or …=file:/path',
  label: 'key=value',
  prefix: 'server=prefix',
  tools: 'server=tool,tool',
};

/** Gathers `NAME=value` options. A bad one is not repeated: it may be a secret. */
export function collectPairs(
  option: string,
): (text: string, previous: Record<string, string>) => Record<string, string> {
  return (text, previous) => {
    const at = text.indexOf('=');
    if (at < 1)
      throw new BerthError(
        'bad-input',
        `--${option} needs ${SHAPES[option] ?? 'NAME=env:NAME or …=file:/path'}`,
      );
    return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
  };
}
