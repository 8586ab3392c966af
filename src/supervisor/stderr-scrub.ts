/** Makes text of a process fit to be shown: no control characters, no secret values. */

export interface Scrubber {
  /** Without terminal sequences and control characters, and with every secret value replaced. */
  clean(text: string): string;
  /** The same for text that was cut off at its end, where the beginning of a secret may stand. */
  cleanCut(text: string): string;
}

const REPLACEMENT = '[secret]';
/** Shorter values would garble every line, and their beginnings tell nothing. */
const SHORTEST = 4;

const TERMINAL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])|\u009b[0-?]*[ -/]*[@-~]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Strips terminal sequences, control characters (tabs stay) and text direction marks. */
export function stripControl(text: string): string {
  return text.replace(TERMINAL, '').replace(CONTROL, '');
}

/** One for each list of secrets: the processes of a server share theirs. */
const scrubbers = new WeakMap<readonly string[], Scrubber>();

/** Values shorter than four characters are not looked for. A value of several lines is looked for line by line. */
export function createScrubber(secrets: readonly string[]): Scrubber {
  const scrubber = scrubbers.get(secrets) ?? buildScrubber(secrets);
  scrubbers.set(secrets, scrubber);
  return scrubber;
}

function buildScrubber(secrets: readonly string[]): Scrubber {
  const forms = formsOf(secrets);
  const scrub = (text: string): string =>
    forms.reduce((left, form) => left.replaceAll(form, REPLACEMENT), text);
  return {
    clean: (text) => scrub(stripControl(text)),
    cleanCut: (text) => scrubEnd(scrub(stripControl(text).replace(/\ufffd+$/, '')), forms),
  };
}

/** Each value as it is, as it stands in JSON, and as it stands in a URL; longest first, so that none hides another. */
function formsOf(secrets: readonly string[]): string[] {
  const forms = new Set<string>();
  for (const secret of secrets) {
    for (const form of [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret.toWellFormed()),
    ]) {
      for (const line of form.split(/[\r\n]+/)) forms.add(stripControl(line));
    }
  }
  return [...forms].filter((form) => form.length >= SHORTEST).sort((a, b) => b.length - a.length);
}

function scrubEnd(text: string, forms: readonly string[]): string {
  for (const form of forms) {
    for (let length = Math.min(form.length - 1, text.length); length >= SHORTEST; length--) {
      if (text.endsWith(form.slice(0, length))) return text.slice(0, -length) + REPLACEMENT;
    }
  }
  return text;
}
