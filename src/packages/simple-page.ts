/** A project's page of a Python package index (PEP 503 in HTML, PEP 691 in JSON): file names and where they are. */

/** Accepts both forms, JSON first. */
export const SIMPLE_PAGE_TYPES = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';

const ANCHOR = /<a\s[^>]*?href\s*=\s*"([^"]+)"[^>]*>([^<]*)<\/a>/gi;

export interface SimpleFile {
  readonly name: string;
  /** Absolute, without fragment. */
  readonly url: URL;
}

/** Files in the order of the page; `base` is the page's own address. Throws for a JSON page that is none. */
export function parseSimplePage(text: string, type: string, base: URL): SimpleFile[] {
  return type.includes('json') ? fromJson(text, base) : fromHtml(text, base);
}

function fromJson(text: string, base: URL): SimpleFile[] {
  const page = JSON.parse(text) as { files?: readonly { filename?: unknown; url?: unknown }[] };
  return (page.files ?? []).flatMap(({ filename, url }) =>
    typeof filename === 'string' && typeof url === 'string' ? toFile(filename, url, base) : [],
  );
}

function fromHtml(text: string, base: URL): SimpleFile[] {
  return [...text.matchAll(ANCHOR)].flatMap(([, href = '', name = '']) =>
    toFile(name.trim(), href.replaceAll('&amp;', '&'), base),
  );
}

function toFile(name: string, href: string, base: URL): SimpleFile[] {
  if (!URL.canParse(href, base.href)) return [];
  const url = new URL(href, base);
  url.hash = '';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return [];
  if (url.origin === base.origin) {
    url.username = base.username;
    url.password = base.password;
  }
  return [{ name, url }];
}
