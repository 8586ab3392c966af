/** What a feature can come to, and how a reader is told. */

export interface Outcome {
  readonly kind: 'works' | 'differs' | 'impossible';
  /** What is different, or why it is impossible; a sentence for the page. */
  readonly note?: string;
}

function differs(note: string): Outcome {
  return { kind: 'differs', note };
}

function impossible(note: string): Outcome {
  return { kind: 'impossible', note };
}

const NAMED_DIFFERENCES = {
  sessionless: differs(
    'Nothing is offered that needs a session: changes of lists, subscriptions to resources, log levels, tasks.',
  ),
  kept: differs(
    'The call goes on, and its answer waits for the client to come back: in this era a lost connection is no cancellation.',
  ),
  'session-ends': differs(
    'The connection is the session: that ends with it (over SSE after 30 s), and so does its process. A link between gateway and supervisor that breaks ends it after 75 s.',
  ),
  'goes-on': differs(
    'The call goes on, as a lost connection is no cancellation in this era; its answer is dropped.',
  ),
  undecided: differs(
    'The question passes as it is: what becomes of it is between the server and its client.',
  ),
  unconfirmed: differs(
    'Only clients of 2025-11-25 are sent to a URL; for older ones the tool fails and says so. Berth gives the visit an id, as this era wants one; modern servers do not report when it is over.',
  ),
  wrapped: differs(
    'A result that is no object becomes the member `result` of one, in the schema as in the answer, and is repeated as a text.',
  ),
  'no-hints': differs(
    'The server promises nothing, so the answer says `ttlMs: 0` and `cacheScope: "private"`.',
  ),
  bodily: differs('There are no such headers here: the argument alone passes.'),
} as const;

const IMPOSSIBLE = {
  'no-session': impossible(
    'It needs a session, and this server keeps none. It is not offered, and refused: -32601, the GET stream 405.',
  ),
  'not-asked': impossible(
    'Without a session nobody can be asked: the server is told that the client can do nothing, and says so.',
  ),
  'no-resume': impossible(
    'The stream cannot be taken up again: its events have no ids, and the session ends with the connection.',
  ),
  'lost-answer': impossible(
    'Modern streams cannot be resumed: the call is cancelled, and it is for the client to make it again.',
  ),
  gone: impossible(
    'Without a session nobody can tell whose answer it was: the same request sent again is another call.',
  ),
  unnamed: impossible(
    "Without a session an id may be another client's as well: a cancellation is taken and means nothing, and the call is answered.",
  ),
  removed: impossible(
    'The revision of the client does not have it: -32601 (over HTTP with 404), for a batch -32600.',
  ),
  'no-batch': impossible('Batches exist in sessions of 2025-03-26 only: -32600.'),
  'one-at-a-time': impossible(
    'A log message names no call. While several calls want them, they are given to none rather than to the wrong one.',
  ),
  'outside-a-call': impossible(
    'A modern client can only be asked in the answer to a tool call, a prompt or the reading of a resource: the server gets the error -32603.',
  ),
  'never-asked': impossible(
    'Modern servers have no way to ask outside of a call, so there is nothing to carry.',
  ),
  'own-era': impossible(
    'The tasks of the two eras have nothing in common: they are not offered across, a call that asks for one is run at once, `tasks/*` is -32601.',
  ),
  'not-sent': impossible('Servers of this era have nothing of the kind.'),
  'no-place': impossible('Legacy revisions have no place for them: they are taken out.'),
  'told-nobody': impossible('The modern era has no such notification: it ends at Berth.'),
} as const;

/** Every outcome by its name. */
export const OUTCOMES = {
  works: { kind: 'works' },
  ...NAMED_DIFFERENCES,
  ...IMPOSSIBLE,
} as const satisfies Record<string, Outcome>;

export type OutcomeName = keyof typeof OUTCOMES;
