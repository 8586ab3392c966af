/** A client of the matrix: whatever its era and its transport, features are tried on it in the same words. */
import type { Message } from '../support/inbox.ts';

export type ClientEra = 'legacy' | 'modern';

/** Something that the server wants to know of the client. */
export interface Question {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A call that is over. */
export interface Call {
  readonly answer: Message;
  /** Notifications that came before the answer, oldest first. */
  readonly notified: readonly Message[];
  /** Questions that were put meanwhile, and answered. */
  readonly asked: readonly Question[];
}

export interface CallOptions {
  /** The call is to report its progress. */
  readonly progress?: boolean;
  /** Members of `_meta` of the caller's own. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** The call may log from this level on; legacy clients have set it before. */
  readonly level?: string;
  /** Modern clients over HTTP: more headers. */
  readonly headers?: Record<string, string>;
  /** Modern clients: the revision that the request claims. */
  readonly revision?: string;
}

/** A call that runs and has reported progress. */
export interface Running {
  /** Of the event that brought the progress, where events have ids. */
  readonly eventId: string | undefined;
  /** The request as it was sent. */
  readonly text: string;
  /** Gives it up as its era does. */
  cancel(): Promise<void>;
  /** The client is gone, without a word. */
  vanish(): Promise<void>;
}

/** Something that the client is told of from now on. */
export interface Watch {
  /** Resolves with the next notification of a method. */
  next(method: string): Promise<Message>;
  /** What came and was not taken. */
  readonly waiting: readonly Message[];
  close(): Promise<void>;
}

export interface MatrixClient {
  readonly era: ClientEra;
  /** What the server said of itself first. */
  readonly opening: Message;
  call(method: string, params?: Record<string, unknown>, options?: CallOptions): Promise<Call>;
  /** Requests of a method in one batch; their answers, or the one refusal. */
  batch(method: string): Promise<Message[]>;
  begin(tool: string, options?: CallOptions): Promise<Running>;
  /** Asks for the level of log messages; the answer where that is a request. */
  setLevel(level: string): Promise<Message | undefined>;
  /** Listens to the changes of lists, and of one resource if it is named; rejects with {@link Refused}. */
  watch(uri?: string): Promise<Watch>;
  /** Sends a notification of the client's own. */
  notify(method: string): Promise<void>;
  close(): Promise<void>;
}

/** The server (or Berth in its place) has said no, with a JSON-RPC code or an HTTP status. */
export class Refused extends Error {
  readonly code: number;

  constructor(code: number, why = 'refused') {
    super(why);
    this.code = code;
  }
}

/** Ids of the requests of a batch. */
export const BATCH_IDS = ['b1', 'b2'];

/** Everything that a client can be asked. */
export const EVERYTHING = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** What the clients of the matrix answer. */
export function answerTo({ method, params }: Question): Record<string, unknown> {
  if (method === 'sampling/createMessage')
    return { role: 'assistant', content: { type: 'text', text: 'sampled' }, model: 'none' };
  if (method === 'roots/list') return { roots: [{ uri: 'file:///matrix', name: 'matrix' }] };
  if (params.mode === 'url') return { action: 'accept' };
  const content = {
    username: 'ada',
    email: 'a@example.com',
    name: 'ada',
    color: 'blue',
    ok: true,
    context: 'c',
  };
  return { action: 'accept', content };
}

/** The first text of a tool's result. */
export function textOf({ result }: Message): string {
  const [block] = (result?.content ?? []) as { text?: string }[];
  return block?.text ?? '';
}

/** A tool call of a client. */
export function callTool(
  client: MatrixClient,
  name: string,
  options: CallOptions & { readonly args?: Record<string, unknown> } = {},
): Promise<Call> {
  const { args = {}, ...others } = options;
  return client.call('tools/call', { name, arguments: args }, others);
}
