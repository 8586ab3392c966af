/** JSON that is read, changed and written again without a number losing a digit. */

interface RawJson {
  /** A value that `JSON.stringify` writes as the given text. */
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}

/** Node has these since version 21; its types do not. */
const raw = JSON as unknown as RawJson;

export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a text whose numbers keep the form that they have in it. */
export function parseExact(text: string): unknown {
  return raw.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? raw.rawJSON(source) : value,
  );
}

/** The text of a number as {@link parseExact} gives it. */
export function numberText(value: unknown): string | undefined {
  return raw.isRawJSON(value) ? value.rawJSON : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
