/** XML-RPC, as far as a Python index is asked: calls with texts and lists of texts, answers that are lists of pairs of texts. */
import sax from 'sax';

/** Characters of one text; names, versions and roles are far shorter. */
const MAX_TEXT = 1_000;
/** Elements within each other; an answer has ten. */
const MAX_DEPTH = 20;
/** The types that stand for a text of their own. */
const SCALARS: ReadonlySet<string> = new Set(['string', 'int', 'i4', 'boolean', 'double', 'nil']);

/** What the other side says in place of an answer. */
export class XmlRpcFault extends Error {
  override readonly name = 'XmlRpcFault';
  readonly code: number;

  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

/** The text of a call. */
export function toXmlCall(method: string, params: readonly (string | readonly string[])[]): string {
  const written = params.map((param) => `<param>${toValue(param)}</param>`).join('');
  return `<?xml version="1.0"?><methodCall><methodName>${escaped(method)}</methodName><params>${written}</params></methodCall>`;
}

function toValue(value: string | readonly string[]): string {
  if (typeof value === 'string') return `<value><string>${escaped(value)}</string></value>`;
  return `<value><array><data>${value.map(toValue).join('')}</data></array></value>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Reads an answer as it comes and keeps nothing of it: each pair is handed on. */
export class PairReader {
  readonly #take: (first: string, second: string) => void;
  readonly #parser = sax.parser(true);
  readonly #decoder = new TextDecoder();
  #depth = 0;
  /** Arrays that are open: 1 is the list, 2 one pair. */
  #arrays = 0;
  #inFault = false;
  #isAnswer = false;
  #text = '';
  /** Of the value that is open, once its type has closed. */
  #scalar: string | undefined;
  #pair: string[] = [];
  #member = '';
  readonly #fault = new Map<string, string>();

  constructor(take: (first: string, second: string) => void) {
    this.#take = take;
    this.#parser.onerror = (error) => {
      throw error;
    };
    this.#parser.onattribute = ({ name }) => {
      throw new Error(`an attribute ${name}`);
    };
    this.#parser.onopentag = ({ name }) => this.#open(name);
    this.#parser.onclosetag = (name) => this.#close(name);
    this.#parser.ontext = (text) => this.#add(text);
    this.#parser.oncdata = (text) => this.#add(text);
  }

  /** Throws {@link XmlRpcFault}, and an Error for what is no answer. */
  write(chunk: Uint8Array): void {
    this.#parser.write(this.#decoder.decode(chunk, { stream: true }));
  }

  /** Throws for an answer that is not whole. */
  end(): void {
    this.#parser.write(this.#decoder.decode()).close();
    if (!this.#isAnswer) throw new Error('no answer of XML-RPC');
  }

  #open(name: string): void {
    if (!this.#isAnswer && name !== 'methodResponse') throw new Error('no answer of XML-RPC');
    this.#isAnswer = true;
    this.#text = '';
    if (name === 'value') this.#scalar = undefined;
    if (name === 'fault') this.#inFault = true;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new Error('elements without end');
    if (name !== 'array') return;
    this.#arrays += 1;
    if (this.#arrays > 2) throw new Error('no list of pairs');
    this.#pair = [];
  }

  #close(name: string): void {
    this.#depth -= 1;
    if (SCALARS.has(name)) this.#scalar = this.#text;
    else if (name === 'name') this.#member = this.#text;
    else if (name === 'value') this.#end(this.#scalar ?? this.#text);
    else if (name === 'array') this.#endArray();
    else if (name === 'fault')
      throw new XmlRpcFault(Number(this.#fault.get('faultCode')), this.#fault.get('faultString') ?? '');
  }

  #end(value: string): void {
    if (this.#inFault) this.#fault.set(this.#member, value);
    else if (this.#arrays === 2) this.#pair.push(value);
  }

  #endArray(): void {
    this.#arrays -= 1;
    if (this.#arrays === 0) return;
    const [first, second] = this.#pair;
    if (first === undefined || second === undefined) throw new Error('no list of pairs');
    this.#take(first, second);
  }

  #add(text: string): void {
    this.#text += text;
    if (this.#text.length > MAX_TEXT) throw new Error('a text that is too long');
  }
}
