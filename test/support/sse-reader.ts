/** Server-sent events as they stand on the wire. */
import { StringDecoder } from 'node:string_decoder';

export interface SseEvent {
  readonly id?: string;
  /** `message` when the event names none. */
  readonly event: string;
  readonly data: string;
  readonly retry?: string;
}

/** Cuts chunks into lines without joining them before a newline has come. */
async function* lines(source: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  for await (const chunk of source) {
    const pieces = decoder.write(chunk as Buffer).split('\n');
    const last = pieces.pop() ?? '';
    for (const piece of pieces) {
      yield [...parts, piece].join('').replace(/\r$/, '');
      parts = [];
    }
    parts.push(last);
  }
}

function toEvent(fields: ReadonlyMap<string, string>): SseEvent {
  const id = fields.get('id');
  const retry = fields.get('retry');
  return {
    event: fields.get('event') ?? 'message',
    data: fields.get('data') ?? '',
    ...(id === undefined ? {} : { id }),
    ...(retry === undefined ? {} : { retry }),
  };
}

function addField(fields: Map<string, string>, line: string): void {
  const colon = line.indexOf(':');
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  const before = name === 'data' ? fields.get(name) : undefined;
  fields.set(name, before === undefined ? value : `${before}\n${value}`);
}

/** Yields each event, also those without data (priming); comments are skipped; a cut connection ends the sequence. */
export async function* readEvents(source: AsyncIterable<unknown>): AsyncGenerator<SseEvent> {
  const fields = new Map<string, string>();
  try {
    for await (const line of lines(source)) {
      if (line.startsWith(':')) continue;
      if (line !== '') addField(fields, line);
      else if (fields.size > 0) {
        yield toEvent(fields);
        fields.clear();
      }
    }
  } catch {
    // the peer cut the connection: what came whole has been delivered
  }
}
