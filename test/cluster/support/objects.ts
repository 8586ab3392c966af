/** What is there: every object of a namespace, and those of the whole cluster whose name has a text in it. */
import { run } from './tools.ts';

/** Kubernetes' own books, which say nothing of what somebody has left behind. */
const BOOKS = /^(events|endpoints|endpointslices)(\.|$)/;

const kinds = new Map<boolean, string>();

/** `kind/name`, sorted. */
export function objectsIn(namespace: string): string[] {
  return lines(run('kubectl', ['-n', namespace, 'get', listable(true), '--ignore-not-found', '-o', 'name']));
}

/** Objects without a namespace, of a release for example, whose name contains `text`. */
export function clusterObjects(text: string): string[] {
  const all = lines(run('kubectl', ['get', listable(false), '--ignore-not-found', '-o', 'name']));
  return all.filter((name) => name.includes(text));
}

/** The kinds that can be listed, for one `kubectl get`. */
function listable(namespaced: boolean): string {
  const known = kinds.get(namespaced);
  if (known !== undefined) return known;
  const asked = ['api-resources', '--verbs=list', `--namespaced=${namespaced}`, '-o', 'name'];
  const found = lines(run('kubectl', asked)).filter((name) => !BOOKS.test(name));
  const text = found.join(',');
  kinds.set(namespaced, text);
  return text;
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}
