/** What a relay needs to know of a JSON-RPC message: its kind, and where the few values stand that it may have to replace. */

/** Half-open byte range in the message. `start` is -1 when absent. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export type MessageKind = 'request' | 'notification' | 'result' | 'error';
