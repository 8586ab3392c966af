/** Takes secrets out of text before it is written anywhere. */

/** Shorter values would blank out half of every line; they are too short to be secrets. */
const MIN_SECRET_LENGTH = 6;
const REDACTED = '[redacted]';
const BEARER = /\b(bearer) +[A-Za-z0-9._~+/=-]{6,}/gi;
const BERTH_KEY = /\bberth_[A-Za-z0-9_-]{20,}/g;

export interface Scrubber {
  /** Scrubs these values, too, from now on; returns what undoes that. */
  add(values: Iterable<string>): () => void;
  /** The text without secrets, in whatever form they take inside JSON. */
  scrub(text: string): string;
}

/** A scrubber for known secret values, credentials of `Authorization` headers and Berth's own keys. */
export function createScrubber(values: Iterable<string> = []): Scrubber {
  const uses = new Map<string, number>();
  const scrubber: Scrubber = {
    add(added) {
      const forms = [...added].flatMap(toForms);
      for (const form of forms) uses.set(form, (uses.get(form) ?? 0) + 1);
      return once(() => {
        for (const form of forms) drop(uses, form);
      });
    },
    scrub(text) {
      let clean = text;
      for (const form of uses.keys()) if (clean.includes(form)) clean = clean.replaceAll(form, REDACTED);
      return clean.replace(BEARER, `$1 ${REDACTED}`).replace(BERTH_KEY, `berth_${REDACTED}`);
    },
  };
  scrubber.add(values);
  return scrubber;
}

function toForms(value: string): string[] {
  if (value.length < MIN_SECRET_LENGTH) return [];
  return [...new Set([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed())])];
}

function drop(uses: Map<string, number>, form: string): void {
  const left = (uses.get(form) ?? 0) - 1;
  if (left > 0) uses.set(form, left);
  else uses.delete(form);
}

function once(fn: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    fn();
  };
}
