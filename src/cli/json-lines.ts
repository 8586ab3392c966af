/** Reads `application/x-ndjson`. */
import { parseExact } from '../exact-json.ts';

/** Characters of one line. */
const MAX_LINE = 4 * 1024 * 1024;

/** One value for each line that is not blank. Rejects for a line that is no JSON or too long. */
export async function* jsonLines(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new Error('line too long');
    for (const line of lines) if (line.trim() !== '') yield parseExact(line);
  }
  if (rest.trim() !== '') yield parseExact(rest);
}
