/** The trace that a call belongs to, as its client says it (W3C trace context): in the message, else in the head of its request. */
import { type Context, defaultTextMapGetter, type Link, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { membersOf, stringAt } from '../jsonrpc/members.ts';
import type { ClientMessage } from '../sessions/message.ts';

const propagator = new W3CTraceContextPropagator();
const FIELDS: ReadonlySet<string> = new Set(propagator.fields());

export interface Origin {
  /** The parent of the call, or the root. */
  readonly context: Context;
  /** The request's own trace, where the message names another one. */
  readonly links: Link[];
}

type Fields = Readonly<Record<string, unknown>>;

export function originOf(message: ClientMessage, headers: Fields = {}): Origin {
  const ofMessage = contextOf(metaOf(message));
  const ofRequest = contextOf(headers);
  const inner = trace.getSpanContext(ofMessage);
  const outer = trace.getSpanContext(ofRequest);
  if (!inner) return { context: ofRequest, links: [] };
  return { context: ofMessage, links: outer && outer.spanId !== inner.spanId ? [{ context: outer }] : [] };
}

/** The root for fields that mean nothing. */
function contextOf(fields: Fields): Context {
  if (typeof fields.traceparent !== 'string') return ROOT_CONTEXT;
  return propagator.extract(ROOT_CONTEXT, fields, defaultTextMapGetter);
}

function metaOf({ bytes, envelope }: ClientMessage): Fields {
  if (envelope.metaStart < 0) return {};
  const known = membersOf(bytes, envelope.metaStart).filter(({ name }) => FIELDS.has(name));
  return Object.fromEntries(known.map(({ name, valueStart }) => [name, stringAt(bytes, valueStart)]));
}
