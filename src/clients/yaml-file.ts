/** YAML files of clients. */
import { type Document, parseDocument, YAMLMap, YAMLSeq } from 'yaml';
import { BerthError } from '../errors.ts';
import type { Edit } from './client.ts';
import { listChange } from './list-edit.ts';

/** Throws `bad-input`. An empty text is an empty object. */
export function parseYamlFile(text: string): unknown {
  return documentOf(text).toJS({ maxAliasCount: 100 }) ?? {};
}

/** Changes one value; comments stay where they are. */
export function editYaml(text: string, edit: Edit): string {
  const document = documentOf(text);
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (edit.listKey === undefined) setOrDelete(document, edit.path, edit.value);
  else editList(document, edit);
  return document.toString({ lineWidth: 0 });
}

function documentOf(text: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (!error) return document as Document;
  const line = error.linePos?.[0].line ?? 1;
  throw new BerthError('bad-input', `the file is no YAML: line ${line}, ${error.code}`, {
    hint: 'Correct the file by hand: it was left as it is.',
  });
}

function setOrDelete(document: Document, path: readonly string[], value: unknown): void {
  if (value === undefined) {
    document.deleteIn(path);
    return;
  }
  // A key without a value is there, and is no place for anything.
  for (let depth = 1; depth < path.length; depth++) {
    const parent = path.slice(0, depth);
    if (!(document.getIn(parent) instanceof YAMLMap)) document.setIn(parent, document.createNode({}));
  }
  document.setIn(path, document.createNode(value));
}

function editList(document: Document, edit: Edit): void {
  const found = document.getIn(edit.path);
  const items: unknown = found instanceof YAMLSeq ? found.toJSON() : [];
  const { at, item } = listChange(items as readonly unknown[], edit);
  if (!(found instanceof YAMLSeq)) {
    if (item) setOrDelete(document, edit.path, [item]);
    return;
  }
  if (item && at < 0) found.add(document.createNode(item));
  else if (item) found.set(at, document.createNode(item));
  else if (at >= 0) found.delete(at);
}
