/** Which Python of this machine a package runs on: the first one that will do for most, else one that the package asks for. */
import { BerthError, toBerthError } from '../errors.ts';

export interface Python {
  /** Absolute. */
  readonly path: string;
  /** Its cache tag and ABI. */
  readonly tag: string;
}

/** What every package is tried with first, as uv writes it. */
export const ANY_PYTHON = 'cpython>=3.10';

/**
 * uv's words: `the current Python version (3.11.7) does not satisfy Python>=3.12 and x==1 depends on Python>=3.12, we …` where the
 * index tells what a file needs, `x==1 requires Python >=3.12` where only the file does.
 */
const NEEDED = /(?:depends? on|requires?) Python ?([<>=!~]+[\d.*]+(?:, ?[<>=!~]+[\d.*]+)*)/g;

/**
 * Runs `step` on the first Python of the machine, and where the packages need another one, on such a Python. Rejects with the
 * error of the step, which says what is needed and what there is when no Python fits.
 */
export async function onFittingPython<T>(
  name: string,
  find: (wish: string) => Promise<Python>,
  step: (python: Python) => Promise<T>,
): Promise<{ readonly python: Python; readonly result: T }> {
  const first = await find(ANY_PYTHON);
  try {
    return { python: first, result: await step(first) };
  } catch (thrown) {
    const error = toBerthError(thrown);
    const needed = readNeed(error);
    if (needed === undefined) throw thrown;
    const python = await find(`cpython${needed}`).catch(() => undefined);
    if (!python) throw noPython(name, { needed, found: versionOf(first) }, error);
    return { python, result: await step(python) };
  }
}

/** Of several versions that all need another Python, the most modest one decides. */
function readNeed({ details: { stderr = [] } }: BerthError): string | undefined {
  const all = [...stderr.join('\n').matchAll(NEEDED)].map(([, needed = '']) =>
    needed.replaceAll(' ', '').replace(/\.$/, ''),
  );
  return all.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))[0];
}

/** `cpython-311 …` is 3.11. */
function versionOf({ tag }: Python): string {
  const [, major, minor] = /^cpython-(\d)(\d+)/.exec(tag) ?? [];
  return major === undefined ? 'another one' : `${major}.${minor}`;
}

function noPython(
  name: string,
  { needed, found }: { readonly needed: string; readonly found: string },
  cause: BerthError,
): BerthError {
  return new BerthError(cause.code, `${name} needs Python ${needed}, and this machine has ${found}`, {
    ...cause.details,
    hint: `Install Python ${needed} where the gateway finds it (on its PATH), and start the server again.`,
  });
}
