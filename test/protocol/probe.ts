/** A probe: tries one feature and says what it came to; anything that is none of the known outcomes is thrown. */
import { expect } from 'vitest';
import type { Message } from '../support/inbox.ts';
import { callTool, type MatrixClient, textOf } from './matrix-client.ts';
import type { OutcomeName } from './outcomes.ts';
import type { Scene } from './scene.ts';

export type Probe = (scene: Scene) => Promise<OutcomeName>;
/** Probes by the names of their features, in the order of the page. */
export type Probes = Readonly<Record<string, Probe>>;

/** What an outcome rests on holds; the value is printed when it does not. */
export function observed(value: unknown, wanted: unknown): void {
  expect(value).toMatchObject(wanted as object);
}

/** The outcome of an answer that is an error, by its code; other codes are thrown. */
export function refusal(
  { error, result }: Message,
  outcomes: Readonly<Record<number, OutcomeName>>,
): OutcomeName {
  const outcome = outcomes[error?.code ?? 0];
  if (outcome === undefined)
    throw new Error(`unexpected: ${JSON.stringify({ error, result }).slice(0, 500)}`);
  return outcome;
}

/** How often something happened in the client's process so far, as `"<event> <name>"` says. */
export async function soFar(client: MatrixClient, what: string): Promise<number> {
  const { answer } = await callTool(client, 'test_so_far');
  return (JSON.parse(textOf(answer)) as Record<string, number>)[what] ?? 0;
}

/** Methods of messages, in their order. */
export function methodsOf(messages: readonly { readonly method?: string }[]): (string | undefined)[] {
  return messages.map(({ method }) => method);
}
