/** JSON lines, as they come. */

/** Characters of one line. */
const MAX_LINE = 4 * 1024 * 1024;

/**
 * The values of the lines, as `parse` reads each; blank ones are signs of life. Throws for what is no JSON, and for a line that is too
 * long.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  parse: (line: string) => unknown = (line) => JSON.parse(line),
): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new Error('line too long');
    for (const line of lines) if (line.trim() !== '') yield parse(line);
  }
  if (rest.trim() !== '') yield parse(rest);
}
