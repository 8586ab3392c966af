/** The front page of a Python index: the names of all projects (PEP 503 in HTML, PEP 691 in JSON). */
import { asObject } from './npm-document.ts';

/** A project's name is short; what is longer, or looks otherwise, is left out. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/;
const ANCHOR = /<a\s[^>]*>\s*([^<\s]+)\s*<\/a>/gi;

export interface NameIndex {
  /** As PyPI compares them, sorted, each once. */
  readonly names: string[];
  readonly serial?: number;
}

/** By the type of the answer, not by what was asked for. Throws for a page that is none. */
export function readNameIndex(page: string, type: string): NameIndex {
  const { names, serial } = isJson(type) ? fromJson(page) : fromHtml(page);
  const good = names
    .filter((name) => NAME.test(name))
    .map((name) => name.toLowerCase().replace(/[-_.]+/g, '-'));
  return { names: [...new Set(good)].sort(), ...(serial !== undefined && { serial }) };
}

export function isJson(type: string): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/.test(type);
}

function fromJson(page: string): { names: string[]; serial?: number } {
  const json = asObject(JSON.parse(page));
  if (json === undefined || !Array.isArray(json.projects)) throw new Error('is no index: it has no projects');
  const names = (json.projects as readonly unknown[]).flatMap((project) => {
    const name = asObject(project)?.name;
    return typeof name === 'string' ? [name] : [];
  });
  const serial = asObject(json.meta)?.['_last-serial'];
  return { names, ...(typeof serial === 'number' && { serial }) };
}

function fromHtml(page: string): { names: string[]; serial?: number } {
  if (!/<html|<!doctype html|<a\s/i.test(page)) throw new Error('is no index: it is no HTML page');
  // A page that was cut off is not taken for a short list.
  if (!/<\/(?:html|body)>/i.test(page)) throw new Error('is no index: its end is missing');
  return { names: [...page.matchAll(ANCHOR)].map(([, name = '']) => name.replace(/\/$/, '')) };
}
