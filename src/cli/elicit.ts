/** What a server asks its caller, put to the person at the terminal. */
import { BerthError } from '../errors.ts';
import { coerce } from './call-arguments.ts';
import type { InputRequest, JsonSchema } from './call-client.ts';
import type { CliSystem } from './cli-system.ts';
import { clean } from './failure.ts';

type Reply =
  | { readonly action: 'accept'; readonly content?: Readonly<Record<string, unknown>> }
  | { readonly action: 'decline' | 'cancel' };

export interface Asker {
  readonly system: CliSystem;
  /** Name of the server: what it says must not look as if Berth said it. */
  readonly server: string;
  /** Given beforehand, by the name of the field. */
  readonly given: Readonly<Record<string, string>>;
}

/** Answers to all that was asked, by its keys. Throws `input-required` where nobody is there to answer. */
export async function answerAll(
  requests: Readonly<Record<string, InputRequest>>,
  asker: Asker,
): Promise<Record<string, Reply>> {
  const answers: Record<string, Reply> = {};
  for (const [key, request] of Object.entries(requests)) answers[key] = await answer(request, asker);
  return answers;
}

async function answer({ method, params = {} }: InputRequest, asker: Asker): Promise<Reply> {
  if (method !== 'elicitation/create')
    throw new BerthError(
      'input-required',
      `${asker.server} asks for ${method}, which only a client with a model has`,
    );
  const { mode, url, message = '', requestedSchema = {} } = params;
  if (mode === 'url' || url !== undefined) return await visit(url ?? '', message, asker);
  return await fillIn(requestedSchema, message, asker);
}

/** A page that the person opens, or not; nothing is opened for them. */
async function visit(url: string, message: string, { system, server }: Asker): Promise<Reply> {
  needPerson(system, server, message);
  const host = URL.parse(url)?.host ?? 'an address that is none';
  system.err(
    `${server} asks: ${clean(message)}\n  Open in a browser, if you trust ${clean(host)}:\n  ${clean(url)}\n`,
  );
  const word = (await system.ask('Opened? [y]es, [n]o, [c]ancel: '))?.trim().toLowerCase();
  if (word === undefined || word.startsWith('c')) return { action: 'cancel' };
  return { action: word.startsWith('y') ? 'accept' : 'decline' };
}

async function fillIn(schema: JsonSchema, message: string, asker: Asker): Promise<Reply> {
  const { system, server, given } = asker;
  const fields = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required ?? []);
  const open = fields.filter(([name]) => given[name] === undefined);
  if (open.length > 0 || fields.length === 0) needPerson(system, server, message);
  const content: Record<string, unknown> = {};
  for (const [name, field] of fields) {
    const text = given[name];
    if (text !== undefined) content[name] = toValue(name, text, field);
  }
  if (system.interactive) {
    system.err(`${server} asks: ${clean(message)}\n`);
    const word = (await system.ask('Answer? [Y]es, [n]o, [c]ancel: '))?.trim().toLowerCase();
    if (word === undefined || word.startsWith('c')) return { action: 'cancel' };
    if (word.startsWith('n')) return { action: 'decline' };
  }
  for (const [name, field] of open) {
    const value = await askField(name, field, { system, required: required.has(name) });
    if (value === LEFT) return { action: 'cancel' };
    if (value !== undefined) content[name] = value;
  }
  return { action: 'accept', content };
}

const LEFT = Symbol('left');

/** Asks until the answer fits; an empty one takes the default, or leaves out what is not required. */
async function askField(
  name: string,
  field: JsonSchema,
  { system, required }: { readonly system: CliSystem; readonly required: boolean },
): Promise<unknown> {
  const choices = choicesOf(field);
  for (const [index, { value, title }] of choices.entries())
    system.err(`    ${index + 1}  ${clean(title)}${title === value ? '' : ` (${clean(value)})`}\n`);
  for (;;) {
    const text = (await system.ask(promptOf(name, field, { required, some: choices.length > 0 })))?.trim();
    if (text === undefined) return LEFT;
    if (text === '' && field.default !== undefined) return field.default;
    if (text === '' && !required) return undefined;
    try {
      if (text !== '') return toValue(name, text, field);
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      system.err(`  ${error.message}\n`);
    }
  }
}

function promptOf(
  name: string,
  { title, description, type, default: fallback }: JsonSchema,
  { required, some }: { readonly required: boolean; readonly some: boolean },
): string {
  const what = description === undefined ? '' : ` (${clean(description)})`;
  const kind = some ? (type === 'array' ? ', numbers or names with commas' : ', number or name') : '';
  const begin = fallback === undefined ? (required ? '' : ' []') : ` [${clean(JSON.stringify(fallback))}]`;
  return `  ${clean(title ?? name)}${what}${kind}${begin}: `;
}

interface Choice {
  readonly value: string;
  readonly title: string;
}

/** The values of an enumeration in any of the shapes that the protocol has had. */
function choicesOf(field: JsonSchema): Choice[] {
  const source = field.type === 'array' ? (field.items ?? {}) : field;
  const titled = source.oneOf ?? source.anyOf;
  if (titled)
    return titled.map((one) => ({ value: String(one.const), title: one.title ?? String(one.const) }));
  return (source.enum ?? []).map((value, index) => ({
    value: String(value),
    title: source.enumNames?.[index] ?? String(value),
  }));
}

/** Throws `bad-input` for what does not fit. */
function toValue(name: string, text: string, field: JsonSchema): unknown {
  const choices = choicesOf(field);
  if (choices.length === 0)
    return field.type === 'boolean' ? toBoolean(name, text) : coerce(name, text, field);
  if (field.type !== 'array') return choose(name, text, choices);
  return text.split(',').map((word) => choose(name, word.trim(), choices));
}

function choose(name: string, text: string, choices: readonly Choice[]): string {
  const exact = choices.find(({ value, title }) => value === text || title === text);
  const found = exact ?? (/^\d+$/.test(text) ? choices[Number(text) - 1] : undefined);
  if (found) return found.value;
  throw new BerthError('bad-input', `${name} must be one of ${choices.map(({ value }) => value).join(', ')}`);
}

function toBoolean(name: string, text: string): boolean {
  if (/^(y|yes|true|1)$/i.test(text)) return true;
  if (/^(n|no|false|0)$/i.test(text)) return false;
  throw new BerthError('bad-input', `${name} must be yes or no`);
}

function needPerson(system: CliSystem, server: string, message: string): void {
  if (system.interactive) return;
  throw new BerthError('input-required', `${server} asks: ${clean(message)}`, {
    hint: 'Run it in a terminal, or give the fields with --answer name=value.',
  });
}
